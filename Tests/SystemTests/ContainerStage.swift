import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

/// What suites of `starling run` share: the real image, a store of their own, and a look at what is left in the end.
final class ContainerStage: Sendable {
    let fixture: SystemFixture
    let directory: TemporaryDirectory
    private let before: MachineState

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        before = try MachineState()
    }

    deinit {
        // A test that failed has left its containers running; nobody is left to tell what cannot be removed.
        guard let all = try? bundles(in: root), !all.isEmpty, let ids = try? succeed("ps", ["-aq"]).split(separator: "\n") else { return }
        _ = try? run("rm", ["-f"] + ids.map(String.init))
    }

    var root: String { directory.path + "/root" }

    /// A command on this stage's store; relative paths count from its directory.
    func run(_ command: String, _ arguments: [String] = [], environment: [String]? = nil) throws -> Program.Result {
        try Program.run(
            Places.product("starling"), [command, "--root", root] + arguments, environment: environment, workingDirectory: directory.path,
            deadline: .seconds(120))
    }

    /// The same, which must end with 0; its standard output.
    func succeed(_ command: String, _ arguments: [String] = []) throws -> String {
        let result = try run(command, arguments)
        guard result.status == 0 else {
            throw TestFailure("starling \(command) \(arguments) ended with \(result.status): \(result.errorText.suffix(2000))")
        }
        return result.outputText
    }

    /// Starts a container in the background; its id.
    func start(_ options: [String], _ script: String) throws -> String {
        String(try succeed("run", ["-d"] + options + [fixture.lazy, "sh", "-c", script]).dropLast())
    }

    /// Containers, as `ps` tells machines.
    func listed(_ options: [String] = ["-a"]) throws -> [JSONValue] {
        try Documents.decode(JSONValue.self, from: Array(succeed("ps", options + ["--json"]).utf8), what: "ps").array ?? []
    }

    /// Kills the process that serves a container, not the container.
    func killProcess(of container: String) throws {
        let lock = try Files.read("\(root)/containers/\(container)/lock", limit: 32)
        let process = try #require(Int32(String(decoding: lock, as: UTF8.self).filter(\.isNumber)))
        #expect(kill(process, SIGKILL) == 0)
        try waitUntil("it is dead") { kill(process, 0) != 0 }
    }

    func expectNothingLeft() throws {
        try waitUntil("no process is left") { try MachineState.processes(mentioning: root).isEmpty }
        #expect(try bundles(in: root).isEmpty)
        // Others may run containers on this machine at the same time.
        try waitUntil("the machine is as it was") { try MachineState() == before }
    }
}
