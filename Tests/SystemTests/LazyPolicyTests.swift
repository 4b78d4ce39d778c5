import HostSystem
import TestSupport
import Testing

@Suite("which layers are lazy, as the configuration wants", .serialized)
struct LazyPolicyTests {
    private let fixture: SystemFixture

    init() throws { fixture = try SystemFixture.shared() }

    @Test(
        "a lazy image whose layers are not to be lazy is unpacked and runs, and status says why and how often",
        arguments: [("lazy = \"never\"", "switched-off"), ("min_layer_size = 1000000000", "too-small")])
    func notWanted(setting: String, code: String) throws {
        let daemon = try StarlingDaemon(own: setting)
        let containerd = try ContainerdServer(snapshotter: daemon.socket)
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", fixture.lazy], deadline: .seconds(300))
        let result = try containerd.ctr(
            ["run", "--rm", "--snapshotter", "stargz", fixture.lazy, "t1", "python3", "-c", #"print("hello")"#])
        #expect(result.outputText == "hello\n", "\(daemon.log)")
        let status = try Starling.succeed(["status", "--address", daemon.socket]).outputText
        #expect(status.contains(": \(code): ") && status.contains("not lazy   in all: 1 \(code)"), "\(status)")
        #expect(!status.contains("image    "), "\(status)")
        #expect(daemon.log.split(separator: "\n").count { $0.contains("layer is not lazy") } == 1, "\(daemon.log)")
    }

    @Test("where layers must be lazy, a pull of an ordinary image fails with the reason, and one of a lazy image does not")
    func required() throws {
        let daemon = try StarlingDaemon(own: "lazy = \"require\"")
        let containerd = try ContainerdServer(snapshotter: daemon.socket)
        let result = try Starling.run(["pull", "--containerd", containerd.socket, "--plain-http", fixture.plain], deadline: .seconds(300))
        #expect(result.status != 0)
        #expect(result.errorText.contains("cannot be lazy, as the configuration requires"), "\(result.errorText)")
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", fixture.lazy], deadline: .seconds(300))
        let status = try Starling.succeed(["status", "--address", daemon.socket]).outputText
        #expect(status.contains("image    \(fixture.lazy)") && status.contains("in all: 1 not-verifiable"), "\(status)")
    }
}
