import HostSystem
import TestSupport

/// A daemon that fetches nothing that no container reads, and a way to the registry on which all bytes are counted.
struct CountedStage {
    let fixture: SystemFixture
    let proxy: CountingProxy
    let daemon: StarlingDaemon
    let directory: TemporaryDirectory

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\n")
    }

    /// The image through the proxy.
    func reference(_ tag: String) -> String { "\(proxy.address)/\(SystemFixture.repository):\(tag)" }

    /// What the daemon tells of the layers that it serves.
    func status() throws -> String { try Starling.succeed(["status", "--address", daemon.socket]).outputText }
}
