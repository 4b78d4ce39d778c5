import ArgumentParser
import ContainerRun
import HostSystem

/// What a process of a container is like: for its first one, and for those that `exec` adds.
struct ProcessArguments: ParsableArguments {
    @Flag(name: [.customShort("i"), .customLong("interactive")], help: "Pass standard input on; without it the process has none.")
    var interactive = false

    @Flag(name: [.customShort("t"), .customLong("tty")], help: "Give the process a terminal.")
    var terminal = false

    @Option(
        name: [.customShort("e", allowingJoined: true), .customLong("env")],
        help: ArgumentHelp("Set a variable; a bare name takes the value that it has here (repeatable).", valueName: "name=value"))
    var variables: [String] = []

    @Option(
        name: .customLong("env-file"), help: ArgumentHelp("Set the variables of a file, a line each (repeatable).", valueName: "file"))
    var variableFiles: [String] = []

    @Option(
        name: [.customShort("u", allowingJoined: true), .customLong("user")],
        help: ArgumentHelp("User in place of the image's.", valueName: "user[:group]"))
    var user: String?

    @Option(
        name: [.customShort("w", allowingJoined: true), .customLong("workdir")],
        help: ArgumentHelp("Working directory in the container.", valueName: "dir"))
    var workingDirectory: String?

    /// `NAME=value` entries: files first, as docker has it.
    func environment() throws -> [String] {
        try variableFiles.flatMap(EnvironmentFile.read) + ProcessArguments.resolved(variables)
    }

    /// A bare name takes the value that the variable has here, where it has one; docker's convention.
    static func resolved(_ variables: [String]) -> [String] {
        variables.compactMap { entry in entry.contains("=") ? entry : Paths.environment(entry).map { "\(entry)=\($0)" } }
    }
}
