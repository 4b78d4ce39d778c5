import ArgumentParser
import ContainerRun
import LazyFS

/// How a workload is run that shows what an image's start needs. The names are those of the reference's optimizer, and docker's beside them.
struct WorkloadArguments: ParsableArguments {
    @Option(help: ArgumentHelp("How long it runs at most, in seconds; 0 for as long as it likes.", valueName: "seconds"))
    var period: Double = 10

    @Option(
        name: .customLong("wait-on-line"),
        help: ArgumentHelp("Run until a line of its standard output holds this text, whatever the period is.", valueName: "text"))
    var waitOnLine: String?

    @Flag(name: .customLong("wait-on-signal"), help: "Run until it ends or Ctrl-C is pressed, whatever the period is.")
    var waitOnSignal = false

    @Option(name: [.customShort("e"), .customLong("env")], help: ArgumentHelp("Set a variable (repeatable).", valueName: "name=value"))
    var environment: [String] = []

    @Option(name: [.customShort("u"), .customLong("user")], help: ArgumentHelp("User in place of the image's.", valueName: "user[:group]"))
    var user: String?

    @Option(
        name: [.customShort("w"), .customLong("workdir"), .customLong("cwd")],
        help: ArgumentHelp("Working directory in the container.", valueName: "dir"))
    var workingDirectory: String?

    @Flag(name: [.customShort("t"), .customLong("tty"), .customLong("terminal")], help: "Give it a terminal.")
    var terminal = false

    @Flag(name: [.customShort("i"), .customLong("interactive")], help: "Accepted: standard input is always passed on.")
    var interactive = false

    @Option(help: ArgumentHelp("OCI runtime. (default: runc, else crun)", valueName: "program"))
    var runtime: String?

    @Option(
        help: ArgumentHelp("How it sees the layers: native (the kernel mounts the tree), fuse, or auto.", valueName: "auto|native|fuse"),
        transform: OpeningArguments.mode)
    var mode = ServingMode.auto

    func validate() throws {
        guard period >= 0, period < 1e6 else { throw ValidationError("--period \(period): expected seconds, 0 or more") }
        guard !terminal || waitOnLine == nil else { throw ValidationError("--wait-on-line reads standard output, which a terminal is not") }
    }

    /// The workload with a command in place of the image's, empty for the image's.
    func workload(_ command: [String]) -> Workload {
        Workload(
            settings: ContainerSettings(
                command: command, environment: ProcessArguments.resolved(environment), user: user, workingDirectory: workingDirectory,
                terminal: terminal),
            period: period > 0 && waitOnLine == nil && !waitOnSignal ? .seconds(period) : nil, readyLine: waitOnLine)
    }
}
