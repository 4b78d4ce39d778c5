import ContainerdAPI
import ContainerdClient
import GRPCCore
import Glibc
import HostSystem
import SwiftProtobuf
import TestSupport
import Testing

/// containerd's calls, made without containerd.
@Suite("the snapshots service on starlingd's socket", .serialized)
struct SocketTests {
    private typealias Snapshots = Containerd_Services_Snapshots_V1_Snapshots.Client<ContainerdChannel.Transport>

    private func connect(_ socket: String, _ body: (Snapshots) async throws -> Void) async throws {
        let channel = try ContainerdChannel(address: socket)
        let running = Task { try await channel.run() }
        defer { running.cancel() }
        try await body(Snapshots(wrapping: channel.client))
    }

    @Test("a removed snapshot's name is free while its files are still being removed, and after Cleanup none is left")
    func cleanup() async throws {
        let daemon = try StarlingDaemon()
        try await connect(daemon.socket) { snapshots in
            let upper = try #require(try await snapshots.prepare(.with { $0.key = "a" }).mounts.first?.source)
            try TestSupport.run("sh", ["-c", #"cd "$0"; seq 20000 | xargs touch; head -c 5000000 /dev/zero > large"#, upper])
            let usage = try await snapshots.usage(.with { $0.key = "a" })
            #expect(usage.inodes == 20_002 && usage.size >= 5_000_000, "\(usage)")
            _ = try await snapshots.remove(.with { $0.key = "a" })
            _ = try await snapshots.prepare(.with { $0.key = "a" })
            _ = try await snapshots.cleanup(.init())
            let left = try Files.entries(daemon.root + "/snapshotter/snapshots").filter { !$0.hasPrefix("metadata") }
            #expect(left.count == 1, "\(left)")
        }
    }

    @Test("in a user namespace the daemon's overlays have the option that the kernel wants there, and can be mounted there")
    func userNamespace() async throws {
        try requireRoot()
        let directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        let socket = directory.path + "/starlingd.sock"
        let daemon = try ServerProcess(
            try requireProgram("unshare", package: "util-linux"),
            [
                "--user", "--map-root-user", "--mount", try Places.product("starlingd"), "--address", socket, "--root",
                directory.path + "/root", "--config", "/dev/null",
            ], directory: directory
        ) { Files.isSocket(socket) }
        // Its keeper ends with it then.
        defer {
            daemon.kill(SIGINT)
            _ = try? daemon.wait(for: .seconds(10))
        }
        try await connect(socket) { snapshots in
            var parent = ""
            for name in ["one", "two"] {
                let upper = try await snapshots.prepare(.with { ($0.key, $0.parent) = ("making", parent) }).mounts.first
                let options = upper?.options.first { $0.hasPrefix("upperdir=") }.map { String($0.dropFirst("upperdir=".count)) }
                let files = try #require(options ?? upper?.source)
                try AtomicFile.write([1], to: files + "/" + name)
                _ = try await snapshots.commit(.with { ($0.key, $0.name) = ("making", name) })
                parent = name
            }
            let mount = try #require(try await snapshots.prepare(.with { ($0.key, $0.parent) = ("a", "two") }).mounts.first)
            #expect(mount.type == "overlay" && mount.options.contains("userxattr"), "\(mount.options)")
            let target = directory.path + "/target"
            try Files.makeDirectories(target)
            let listing = try TestSupport.run(
                "nsenter",
                [
                    "--user", "--mount", "--preserve-credentials", "--target", "\(daemon.processID)", "sh", "-c",
                    #"mount -t overlay -o "$0" overlay "$1" && rm "$1/one" && ls "$1""#, mount.options.joined(separator: ","), target,
                ])
            #expect(listing.outputText == "two\n")
        }
    }
}
