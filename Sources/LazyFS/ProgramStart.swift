public import OCI

/// What is known of a program that is about to be started.
public struct ProgramStart: Equatable, Sendable {
    /// A path, or a name that is looked for in `directories`.
    public var program: String
    /// What follows it on the command line.
    public var arguments: [String]
    /// The directories of PATH.
    public var directories: [String]

    /// A start.
    public init(program: String, arguments: [String] = [], directories: [String]) {
        self.program = program
        self.arguments = arguments
        self.directories = directories
    }

    /// The start that an image's configuration and a command line amount to; nil when they name no program.
    ///
    /// - Parameter command: in place of the image's; empty for the image's.
    public init?(_ execution: ImageConfig.Execution?, command: [String] = []) {
        let arguments = (execution?.entrypoint ?? []) + (command.isEmpty ? execution?.command ?? [] : command)
        guard let program = arguments.first else { return nil }
        let path = execution?.environment?.last { $0.hasPrefix("PATH=") }?.dropFirst("PATH=".count) ?? ImageConfig.Execution.usualPath[...]
        self.init(program: program, arguments: Array(arguments.dropFirst()), directories: path.split(separator: ":").map(String.init))
    }
}
