import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starlingd under systemd", .serialized)
struct ServiceManagerTests {
    @Test("systemd has nothing to say against the unit, which starts before containerd and leaves the keeper alone")
    func unit() throws {
        try requireProgram("systemd-analyze", package: "systemd")
        let text = String(decoding: try Files.read(Places.package + "/packaging/starlingd.service", limit: 1 << 20), as: UTF8.self)
        let line = "ExecStart=/usr/local/bin/starlingd\n"
        #expect(text.contains(line) && text.contains("\nBefore=containerd.service\n") && text.contains("\nKillMode=process\n"))
        #expect(text.contains("\nType=notify\n"))
        try verify(text.replacing(line, with: "ExecStart=\(try Places.product("starlingd"))\n"), "starlingd.service")
    }

    @Test("nor against those of the layer store, for the machine and for users", arguments: ["system", "user"])
    func store(manager: String) throws {
        let name = manager == "user" ? "starling-store-user.service" : "starling-store.service"
        let text = String(decoding: try Files.read("\(Places.package)/packaging/\(name)", limit: 1 << 20), as: UTF8.self)
        let program = "ExecStart=/usr/local/bin/starling store --foreground "
        #expect(text.contains(program) && text.contains("\nKillMode=process\n") && text.contains("\nType=notify\n"))
        try verify(
            text.replacing("/usr/local/bin/starling ", with: "\(try Places.product("starling")) "), "starling-store.service",
            ["--\(manager)"])
    }

    /// Fails when systemd has something to say against a unit.
    private func verify(_ text: String, _ name: String, _ options: [String] = []) throws {
        let directory = try TemporaryDirectory()
        let documented = text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("Documentation=") }
        try AtomicFile.write(Array(documented.joined(separator: "\n").utf8), to: "\(directory.path)/\(name)")
        let result = try Program.run(
            try requireProgram("systemd-analyze"), ["verify"] + options + ["\(directory.path)/\(name)"],
            environment: ["XDG_RUNTIME_DIR=\(directory.path)", "HOME=\(directory.path)", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            deadline: .seconds(60))
        let complaints = (result.outputText + result.errorText).split(separator: "\n").filter { $0.contains("starling") }
        #expect(result.status == 0 && complaints.isEmpty, "\(result.outputText)\(result.errorText)")
    }

    @Test("the service manager is told when the daemon serves, and when it begins to end")
    func notifications() throws {
        let fuse = try TemporaryDirectory()
        try requireRoot()
        try requireFuse()
        let socket = fuse.path + "/notify"
        let receiver = try RunningProgram(
            "python3",
            [
                "-c",
                """
                import socket, sys
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                s.bind(sys.argv[1])
                while True: print(s.recv(4096).decode(), flush=True)
                """, socket,
            ])
        try waitUntil("the receiver listens") { Files.exists(socket) }
        let daemon = try RunningProgram(
            Places.product("starlingd"), ["--address", fuse.path + "/s.sock", "--root", fuse.path + "/root"],
            environment: ["NOTIFY_SOCKET=\(socket)", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"])
        try waitUntil("READY was told") { receiver.output == "READY=1\n" }
        let connection = try UnixSocket.connect(to: fuse.path + "/s.sock", .stream)
        defer { close(connection) }
        daemon.kill(SIGINT)
        try waitUntil("STOPPING was told") { receiver.output == "READY=1\nSTOPPING=1\n" }
        #expect(try daemon.wait() == 0, "\(daemon.error)")
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(fuse.path) })
    }
}
