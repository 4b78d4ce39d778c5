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

    /// containerd pings to learn how much its connection can carry; one that is closed for it has calls under way twice.
    @Test("a client that pings often is answered and kept")
    func pings() throws {
        let daemon = try StarlingDaemon()
        let descriptor = try UnixSocket.connect(to: daemon.socket, .stream)
        defer { close(descriptor) }
        UnixSocket.limitWaits(of: descriptor, seconds: 60)
        // HTTP/2 (RFC 9113): preface and an empty SETTINGS (4), then one PING (6) of eight bytes after the other.
        let start = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
        let ping: [UInt8] = [0, 0, 8, 6, 0, 0, 0, 0, 0] + Array("starling".utf8)
        #expect(write(descriptor, start, start.count) == start.count)
        var received: [UInt8] = []
        // Far more than HTTP/2 libraries have patience for.
        for number in 1...1000 {
            // Some arrive in pieces.
            for piece in number % 100 == 0 ? [ping[..<4], ping[4..<12], ping[12...]] : [ping[...]] {
                #expect(piece.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } == piece.count)
            }
            var isAnswered = false
            while !isAnswered {
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = read(descriptor, &buffer, buffer.count)
                let isOpen = count > 0
                try #require(isOpen, "the daemon hangs up at ping \(number)")
                received += buffer[..<count]
                while received.count >= 9, case let length = Int(received[1]) << 8 | Int(received[2]), received.count >= 9 + length {
                    isAnswered = isAnswered || received[3...].starts(with: [6, 1, 0, 0, 0, 0] + Array("starling".utf8))
                    received.removeFirst(9 + length)
                }
            }
        }
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
