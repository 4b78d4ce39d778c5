import ArgumentParser
import ContainerRun
import OCI

/// How a workload is run that shows what an image's start needs. The options are docker's, and those of the reference's optimizer beside them.
struct WorkloadArguments: ParsableArguments {
    @Option(help: ArgumentHelp("How long it runs at most, in seconds; 0 for as long as it likes.", valueName: "seconds"))
    var period: Double = 10

    @Option(
        name: .customLong("wait-on-line"),
        help: ArgumentHelp("Run until a line of its standard output holds this text, whatever the period is.", valueName: "text"))
    var waitOnLine: String?

    @Flag(name: .customLong("wait-on-signal"), help: "Run until it ends or Ctrl-C is pressed, whatever the period is.")
    var waitOnSignal = false

    @Option(name: .customLong("args"), help: ArgumentHelp("Its arguments as a JSON list, in place of the image's.", valueName: "[…]"))
    var argumentList: String?

    @Option(name: .customLong("cwd"), help: ArgumentHelp("As --workdir.", valueName: "dir"))
    var currentDirectory: String?

    @Flag(name: .customLong("terminal"), help: "As --tty.")
    var hasTerminal = false

    @OptionGroup var container: ContainerArguments
    @OptionGroup var serving: ServingArguments

    func validate() throws {
        guard period >= 0, period < 1e6 else { throw ValidationError("--period \(period): expected seconds, 0 or more") }
        guard !container.process.terminal && !hasTerminal || waitOnLine == nil else {
            throw ValidationError("--wait-on-line reads standard output, which a terminal is not")
        }
        _ = try arguments()
    }

    /// The arguments of --args; nil without it.
    private func arguments() throws -> [String]? {
        try argumentList.map { text in
            guard let list = try? Documents.decode([String].self, from: Array(text.utf8), what: "list") else {
                throw ValidationError("--args \(text): expected a JSON list of texts, such as [\"--port\", \"80\"]")
            }
            return list
        }
    }

    /// The workload with a command in place of the image's, empty for the image's.
    func workload(_ command: [String]) throws -> Workload {
        var settings = try container.settings(command.isEmpty ? arguments() ?? [] : command)
        settings.workingDirectory = settings.workingDirectory ?? currentDirectory
        settings.terminal = settings.terminal || hasTerminal
        return Workload(
            settings: settings,
            period: period > 0 && waitOnLine == nil && !waitOnSignal ? .seconds(period) : nil, readyLine: waitOnLine)
    }
}
