import ContainerdAPI
import GRPCCore
import Glibc
import HostSystem
import TestSupport
import Testing

/// What a machine does to a daemon.
@Suite("faults around starlingd", .serialized)
struct DaemonFaultTests {
    private let fixture: SystemFixture
    private let daemon: StarlingDaemon

    init() throws {
        fixture = try SystemFixture.shared()
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\nnoprefetch = true\n")
    }

    /// Runs the daemon's program on the daemon's root, which does not run, and returns what it prints before it gives up.
    private func refusal() throws -> String {
        let result = try Program.run(Places.product("starlingd"), daemon.arguments, deadline: .seconds(30))
        #expect(result.status == 1)
        let lines = result.errorText.split(separator: "\n").filter { $0.contains(" critical ") }
        #expect(lines.count == 1, "\(result.errorText)")
        #expect(try !Mounts.mountPoints().contains { $0.path == daemon.root + "/lazy" })
        return lines.first.map(String.init) ?? ""
    }

    @Test("a socket file that a killed daemon left is replaced; one that is listened on is not, and one line says so")
    func sockets() async throws {
        try daemon.end(SIGKILL)
        #expect(Files.isSocket(daemon.socket))
        try daemon.start()
        try await SnapshotClient(daemon).prepare("key")
        let directory = try TemporaryDirectory()
        let result = try Program.run(
            Places.product("starlingd"), ["--address", daemon.socket, "--root", directory.path + "/root"], deadline: .seconds(30))
        #expect(result.status == 1 && result.errorText.contains("another daemon is listening there"), "\(result.errorText)")
        #expect(try await SnapshotClient(daemon).stat("key").kind == .active)
    }

    @Test("a signal at the moment when the daemon begins to serve ends it in order")
    func earlySignal() throws {
        for round in 0..<20 {
            // Its socket is there before it serves.
            #expect(try daemon.end(SIGINT) == 0, "round \(round): \(daemon.log.suffix(2000))")
            #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(daemon.root) })
            try daemon.start()
        }
    }

    /// A process whose working directory keeps a mount busy.
    private func hold(_ directory: String) throws -> RunningProgram {
        let program = try RunningProgram("sh", ["-c", #"cd "$0" && exec sleep 1000"#, directory])
        try waitUntil("it is there: \(program.error)") { try Paths.resolved("/proc/\(program.processID)/cwd") == directory }
        return program
    }

    /// The directories that a view's mounts show.
    private func directories(_ mounts: [Containerd_Types_Mount]) throws -> [String] {
        let mount = try #require(mounts.first)
        let lowers = mount.options.first { $0.hasPrefix("lowerdir=") }?.dropFirst("lowerdir=".count).split(separator: ":")
        return lowers.map { $0.map(String.init) } ?? [mount.source]
    }

    @Test("mounts that somebody is still in go all the same, with the last snapshot and at the end, and nobody waits for it")
    func busyMounts() async throws {
        let labels = try fixture.labels(target: "layer")
        for end in ["Remove", "SIGINT"] {
            let client = try SnapshotClient(daemon)
            #expect(try await client.code { try await $0.prepare("key", labels: labels) } == .alreadyExists, "\(daemon.log)")
            let shown = try await directories(client.view("view", parent: "layer"))
            #expect(shown.contains { Files.isDirectory($0 + "/usr") })
            let holders = try shown.map(hold) + [hold(daemon.root + "/lazy")]
            if end == "Remove" {
                for name in ["view", "layer"] { try await client.remove(name) }
                try waitUntil("the layer's mounts are gone") {
                    try !Mounts.mountPoints().contains { $0.path.hasPrefix(daemon.root + "/trees/") }
                }
            } else {
                #expect(try daemon.end(SIGINT) == 0)
                #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(daemon.root) })
                try daemon.start()
                #expect(try await SnapshotClient(daemon).mounts("view").count == 1)
            }
            #expect(holders.allSatisfy { !$0.hasEnded })
        }
    }

    @Test("on a root that cannot be written to the daemon does not start, and says why")
    func readOnly() throws {
        #expect(try daemon.end(SIGINT) == 0, "\(daemon.log)")
        #expect(try !Mounts.mountPoints().contains { $0.path == daemon.root + "/lazy" }, "\(daemon.log)")
        try Mounts.bind(daemon.root, at: daemon.root, readOnly: true)
        let line = try refusal()
        try Mounts.unmount(daemon.root)
        #expect(line.contains(daemon.root) && line.contains("Read-only file system"), "\(line)")
        try daemon.start()
    }

    @Test("damaged metadata is told, kept aside and recovered as far as it can be read; what is in order is left alone")
    func damagedMetadata() async throws {
        let client = try SnapshotClient(daemon)
        var labels: [String: String] = ["long": String(repeating: "x", count: 2000)]
        for number in 0..<40 { try await client.prepare("key \(number)", labels: labels) }
        labels = try fixture.labels(target: "layer")
        #expect(try await client.code { try await $0.prepare("k", labels: labels) } == .alreadyExists)
        let arguments = ["recover", "--root", daemon.root]
        let whileRunning = try Program.run(Places.product("starlingd"), arguments)
        #expect(whileRunning.status != 0 && whileRunning.errorText.contains("in use by process"), "\(whileRunning.errorText)")
        try daemon.end(SIGINT)
        #expect(try run(Places.product("starlingd"), arguments).outputText.contains("in order"))
        // Some page in the middle; 40 rows of half a page each.
        let path = daemon.root + "/snapshotter/snapshots/metadata.db"
        var bytes = try Files.read(path, limit: 16 << 20)
        bytes.replaceSubrange((12 * 4096)..<(13 * 4096), with: repeatElement(0xa5, count: 4096))
        try AtomicFile.write(bytes, to: path)
        let line = try refusal()
        #expect(line.contains(path) && line.contains("starlingd recover"), "\(line)")
        #expect(try Files.read(path, limit: 16 << 20) == bytes, "the file is as it was")
        let result = try run(Places.product("starlingd"), arguments).outputText
        let counts = try #require(result.firstMatch(of: #/saved: (\d+), lost: (\d+)/#), "\(result)")
        let (saved, lost) = (Int(counts.1) ?? 0, Int(counts.2) ?? 0)
        #expect(saved >= 30 && lost > 0 && saved + lost == 41, "\(result)")
        let aside = try #require(result.firstMatch(of: #/is in (.*)/#)?.1)
        #expect(try Files.read(aside + "/metadata.db", limit: 16 << 20) == bytes)
        #expect(try Files.entries(String(aside)).count { Int64($0) != nil } == lost)
        try daemon.start()
        #expect(try await SnapshotClient(daemon).list().count == saved)
    }

    @Test("on a full disk calls say so, reads and Remove work, and with space again everything does")
    func diskFull() async throws {
        try daemon.end(SIGINT)
        let directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        let disk = directory.path + "/disk"
        try run("truncate", ["--size", "48M", disk])
        try run("mkfs.ext4", ["-q", "-m", "0", disk])
        try run("mount", ["-o", "loop", disk, daemon.root])
        try daemon.start()
        let client = try SnapshotClient(daemon)
        let labels = try fixture.labels(target: "layer")
        try await client.prepare("before")
        let file = daemon.root + "/snapshotter/fill"
        _ = try Program.run("dd", ["if=/dev/zero", "of=\(file)", "bs=64k"])
        _ = try Program.run("dd", ["if=/dev/zero", "of=\(file)2", "bs=512"])
        var codes: Set<RPCError.Code> = []
        for number in 0..<200 where codes.isEmpty {
            if let code = try await client.code({ try await $0.prepare("key \(number)", labels: number == 0 ? labels : [:]) }) {
                codes.insert(code)
            }
        }
        #expect(codes == [.resourceExhausted], "\(daemon.log.suffix(2000))")
        #expect(try await client.mounts("before").count == 1)
        try await client.remove("before")
        for name in [file, file + "2"] { try Files.remove(name) }
        try await client.prepare("after")
        #expect(try await client.code { try await $0.prepare("k", labels: labels) } == .alreadyExists, "\(daemon.log.suffix(2000))")
        try daemon.end(SIGINT)
        try Mounts.unmount(daemon.root)
        try daemon.start()
    }

    @Test("a client that gives a Prepare up midway leaves nothing half-done; the next one gets the layer")
    func cancelled() async throws {
        let proxy = try CountingProxy(to: fixture.registry.port)
        let labels = try fixture.labels(target: "layer", registry: proxy.address)
        proxy.hold(true)
        let preparing = Task { try await SnapshotClient(daemon).prepare("key", labels: labels) }
        try waitUntil("the registry was asked") { proxy.bytesUp > 0 }
        preparing.cancel()
        _ = await preparing.result
        proxy.hold(false)
        let client = try SnapshotClient(daemon)
        #expect(try await client.code { try await $0.prepare("key", labels: labels) } == .alreadyExists)
        #expect(try await client.list().map(\.name) == ["layer"])
        try await client.remove("layer")
        try await client.cleanup()
        #expect(try Files.entries(daemon.root + "/snapshotter/snapshots").allSatisfy { $0.hasPrefix("metadata.db") })
    }

    @Test("a hundred Prepares at once, of a hundred images with a layer of their own: each call gets its layer and no other")
    func hundredImages() async throws {
        let labels = try (1...100).map { try fixture.labels(target: "chain \($0)", image: fixture.smallImage($0)) }
        #expect(Set(labels.compactMap { $0["containerd.io/snapshot/cri.layer-digest"] }).count == 100)
        let client = try SnapshotClient(daemon)
        let lazy = try await codes(client) { try await $0.prepare("key \($1)", labels: labels[$1]) }
        #expect(lazy == [.alreadyExists: 100], "\(daemon.log.suffix(2000))")
        #expect(try await Set(client.list().map(\.name)) == Set((1...100).map { "chain \($0)" }))
        let views = try await codes(client) { client, number in
            let shown = try await directories(client.view("view \(number)", parent: "chain \(number + 1)"))
            #expect(try Files.entries(#require(shown.first { Files.isDirectory($0 + "/srv") }) + "/srv").count == number + 1)
        }
        #expect(views == [nil: 100])
    }

    @Test("a hundred Prepares at once, of one layer and of many chains with it: the layer is asked for once, and each call gets its own")
    func hundred() async throws {
        let proxy = try CountingProxy(to: fixture.registry.port)
        let labels = try fixture.labels(target: "layer", registry: proxy.address)
        let client = try SnapshotClient(daemon)
        let same = try await codes(client) { try await $0.prepare("key \($1)", labels: labels) }
        #expect(same == [.alreadyExists: 100])
        let once = proxy.bytesDown
        // Other images' chains with the same layer, as different images of one base are.
        let other = try await codes(client) { client, number in
            try await client.prepare("key \(number)", labels: labels.merging(["containerd.io/snapshot.ref": "chain \(number)"]) { $1 })
        }
        #expect(other == [.alreadyExists: 100] && proxy.bytesDown == once)
        let ordinary = try await codes(client) { try await $0.prepare("active \($1)", parent: "layer") }
        #expect(ordinary == [nil: 100])
        #expect(try await client.list().count == 201)
        let sources = try await client.mounts("active 7")
        #expect(sources.count == 1 && sources[0].type == "overlay")
    }

    /// How a hundred calls at once end.
    private func codes(
        _ client: SnapshotClient, _ call: @escaping @Sendable (SnapshotClient, Int) async throws -> Void
    ) async throws -> [RPCError.Code?: Int] {
        try await withThrowingTaskGroup(of: RPCError.Code?.self) { group in
            for number in 0..<100 { group.addTask { try await client.code { try await call($0, number) } } }
            return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
    }
}
