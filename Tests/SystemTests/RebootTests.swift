import ContainerdAPI
import Glibc
import HostSystem
import TestSupport
import Testing

/// Everything of the daemon ends at once, its keeper too, and the registry does not answer any more.
@Suite("starlingd after a reboot", .serialized)
struct RebootTests {
    private let fixture: SystemFixture
    private let proxy: CountingProxy
    private let daemon: StarlingDaemon
    private let containerd: ContainerdServer

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\n")
        containerd = try ContainerdServer(snapshotter: daemon.socket)
    }

    /// What is left of the mounts.
    enum Mounted: CaseIterable {
        /// Nothing, as a reboot leaves it.
        case nothing
        /// All of them, with nobody behind them.
        case dead
    }

    /// Names of the layers' snapshots. The one of a container that has ended is containerd's collector's to remove, sooner or later.
    private func committed() async throws -> [String] {
        try await SnapshotClient(daemon).list().filter { $0.kind == .committed }.map(\.name)
    }

    @Test("every snapshot is there and lazy again, and a container starts from what was fetched before", arguments: Mounted.allCases)
    func reboot(left: Mounted) async throws {
        let reference = "\(proxy.address)/\(SystemFixture.repository):lazy"
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", reference])
        func hello(_ name: String) throws -> String {
            try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", reference, name, "python3", "-c", #"print("hello")"#]).outputText
        }
        #expect(try hello("before") == "hello\n", "\(daemon.log)")
        let layers = try await committed()
        #expect(layers.count == 1)
        try daemon.end(SIGKILL)
        let keepers = try daemon.keepers()
        keepers.forEach { kill($0, SIGKILL) }
        try waitUntil("the keeper has ended") { try daemon.keepers().isEmpty }
        #expect(throws: (any Error).self) { try Files.entries(daemon.root + "/lazy/1") }
        if left == .nothing { try Mounts.unmountAll(below: daemon.root) }
        let asked = proxy.bytesUp
        proxy.hold(true)
        defer { proxy.hold(false) }
        try daemon.start()
        try waitUntil("the layer is mounted") { Files.exists(daemon.root + "/lazy/1/usr") }
        #expect(try await committed() == layers)
        try containerd.waitForSnapshotter()
        #expect(try hello("after") == "hello\n", "\(daemon.log)")
        #expect(try Starling.succeed(["status", "--address", daemon.socket]).outputText.contains(reference))
        // Lazily: what was not fetched is asked for again.
        #expect(proxy.bytesUp == asked)
        let reader = try RunningProgram("cat", [daemon.root + "/lazy/1/usr/bin/perl"])
        try waitUntil("the registry is asked") { proxy.bytesUp > asked }
        proxy.hold(false)
        #expect(try reader.wait() == 0, "\(reader.error)")
        // One mount of each kind, whatever was there.
        let mounts = try Mounts.mountPoints().filter { $0.path.hasPrefix(daemon.root) }.map(\.path)
        #expect(Set(mounts).count == mounts.count, "\(mounts)")
    }
}
