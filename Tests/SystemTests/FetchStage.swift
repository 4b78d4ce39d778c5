import HostSystem
import TestSupport
import Testing

/// What suites of commands that fetch share: the real image, a directory, a way to the registry on which all bytes are counted, and how the machine was
/// before.
struct FetchStage {
    let fixture: SystemFixture
    let directory: TemporaryDirectory
    let proxy: CountingProxy
    private let before: MachineState

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        proxy = try CountingProxy(to: fixture.registry.port)
        before = try MachineState()
    }

    var root: String { directory.path + "/root" }

    /// The image through the proxy.
    func reference(_ tag: String) -> String { "\(proxy.address)/\(SystemFixture.repository):\(tag)" }

    func expectNothingLeft() throws {
        #expect(try MachineState() == before)
        #expect(try bundles(in: root).isEmpty)
    }
}
