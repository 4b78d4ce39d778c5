import ContainerdAPI
import GRPCCore
import Glibc
import HostSystem
import TestSupport
import Testing

/// The daemon is killed before each of the system calls with which a call of its client changes anything, one after the other: strace sends SIGKILL
/// when a call is entered for the nth time. So nothing in the daemon has to know of it, and no step is forgotten.
@Suite("starlingd killed at every step of a call", .serialized)
struct KillStepsTests {
    private let fixture: SystemFixture
    private let daemon: StarlingDaemon

    init() throws {
        fixture = try SystemFixture.shared()
        try requireProgram("strace")
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\nnoprefetch = true\n")
    }

    /// Calls that change files, directories, mounts, and what of it is on the disk; some of each kind do the same.
    private static let steps = [
        "mkdir,mkdirat", "chmod,fchmod,fchmodat", "chown,fchown,lchown", "rename,renameat,renameat2", "link,linkat", "pwrite64",
        "fsync,fdatasync", "ftruncate,fallocate", "unlink,unlinkat,rmdir", "mount",
    ]
    /// More calls of a kind than any operation makes.
    private static let mostCalls = 10_000
    /// Of so many calls of a kind each is a step. Who makes more of them writes a large file, and some of the rest will do.
    private static let eachOf = 16

    /// What is done, what a client does after it failed, and what must be so then.
    private struct Operation {
        var prepare: (SnapshotClient) async throws -> Void = { _ in }
        var make: (SnapshotClient) async throws -> Void
        /// Codes that tell a client that it was done after all; it asks then.
        var done: RPCError.Code
        var check: (SnapshotClient) async throws -> Void
        var undo: (SnapshotClient) async throws -> Void = { _ in }
        /// Whether every time is to be the first.
        var forgetsLayers = false
    }

    @Test("Prepare: there is a whole snapshot or none, and the client's second try makes it")
    func prepare() async throws {
        try await killAtEachStep(
            Operation(
                make: { try await $0.prepare("key") }, done: .alreadyExists,
                check: { client in
                    let mount = try #require(await client.mounts("key").first)
                    #expect(mount.type == "bind" && Files.isDirectory(mount.source))
                },
                undo: { try await $0.remove("key") }))
    }

    @Test("Commit: the snapshot is active or committed")
    func commit() async throws {
        try await killAtEachStep(
            Operation(
                prepare: { try await $0.prepare("key") }, make: { try await $0.commit("key", as: "name") }, done: .alreadyExists,
                check: { client in
                    #expect(try await client.stat("name").kind == .committed)
                    try await client.prepare("above", parent: "name")
                },
                undo: {
                    try await $0.remove("above")
                    try await $0.remove("name")
                }))
    }

    @Test("Remove, and the removal of the files: it is there as a whole, or gone")
    func remove() async throws {
        try await killAtEachStep(
            Operation(
                prepare: { try await $0.prepare("key") },
                make: {
                    try await $0.remove("key")
                    try await $0.cleanup()
                },
                done: .notFound,
                check: { client in
                    let left = try await client.list()
                    #expect(left.isEmpty)
                }))
    }

    @Test("Prepare of a lazy layer that nobody has had: it is committed as a whole, mounted and in the store, or not there")
    func prepareLazy() async throws {
        let labels = try fixture.labels(target: "layer")
        let root = daemon.root
        try await killAtEachStep(
            Operation(
                make: { client in
                    // A client takes that for success.
                    let code = try await client.code { try await $0.prepare("key", labels: labels) }
                    guard code != .alreadyExists else { return }
                    throw RPCError(code: code ?? .unknown, message: "not lazy")
                },
                done: .alreadyExists,
                check: { client in
                    #expect(try await client.stat("layer").kind == .committed)
                    try await client.prepare("above", parent: "layer")
                    #expect(try await client.mounts("above").first?.type == "overlay")
                    #expect(try Files.entries(root + "/layers").count { !$0.hasPrefix(".") } == 1)
                },
                undo: {
                    try await $0.remove("above")
                    try await $0.remove("layer")
                },
                forgetsLayers: true))
    }

    private func killAtEachStep(_ operation: Operation) async throws {
        var kills = 0
        for calls in Self.steps {
            var number = 0
            var wasKilled = true
            while wasKilled {
                number += number < Self.eachOf ? 1 : number / 2
                try #require(number < Self.mostCalls, "\(calls): does it ever end?")
                wasKilled = try await kill(operation, before: number, of: calls)
                if wasKilled { kills += 1 }
            }
        }
        print("killed \(kills) times")
        #expect(kills >= 5)
    }

    /// Returns whether there was that call.
    private func kill(_ operation: Operation, before number: Int, of calls: String) async throws -> Bool {
        let step = "call \(number) of \(calls)"
        try await operation.prepare(try SnapshotClient(daemon))
        let tracer = try RunningProgram(
            "strace",
            [
                "-f", "-o", "/dev/null", "-e", "trace=\(calls)", "-e", "inject=\(calls):signal=KILL:when=\(number)", "-p",
                "\(try daemon.processID)",
            ])
        try waitUntil("strace has attached: \(tracer.error)") { tracer.error.contains("attached") }
        let code = try await SnapshotClient(daemon).code(operation.make)
        // A connection is lost before its process is gone, and a kill may hit just after the answer.
        for _ in 0..<(code == nil ? 10 : 500) where !daemon.hasEnded { usleep(10_000) }
        let wasKilled = daemon.hasEnded
        #expect(wasKilled || code == nil, "\(step): \(code.map { "\($0)" } ?? "")")
        // What it traces goes on.
        tracer.kill(SIGKILL)
        _ = try tracer.wait()
        if wasKilled {
            try daemon.end(SIGKILL)
            try daemon.start()
        }
        let client = try SnapshotClient(daemon)
        try await expectConsistent(client, step)
        let retry = code == nil ? nil : try await client.code(operation.make)
        #expect(retry == nil || retry == operation.done, "\(step), second try: \(retry.map { "\($0)" } ?? "")")
        try await operation.check(client)
        try await operation.undo(client)
        try await client.cleanup()
        try await expectConsistent(client, "\(step), after all")
        if operation.forgetsLayers {
            try daemon.end(SIGKILL)
            for directory in ["layers", "chains"] { try Files.remove("\(daemon.root)/\(directory)") }
            try daemon.start()
        }
        return wasKilled
    }

    /// As many directories as snapshots, soon, and mounts for all that need one.
    private func expectConsistent(_ client: SnapshotClient, _ step: String) async throws {
        let snapshots = try await client.list()
        for snapshot in snapshots where snapshot.kind == .active {
            #expect(try await client.mounts(snapshot.name).isEmpty == false, "\(step)")
        }
        try waitUntil("\(step): a directory for each snapshot and no other") {
            try Files.entries(daemon.root + "/snapshotter/snapshots").count { !$0.hasPrefix("metadata.db") } == snapshots.count
        }
    }
}
