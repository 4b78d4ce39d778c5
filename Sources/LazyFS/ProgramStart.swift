public import OCI

/// What is known of a program that is about to be started.
public struct ProgramStart: Equatable, Sendable {
    /// A path, or a name that is looked for in `directories`.
    public var program: String
    /// What follows it on the command line.
    public var arguments: [String]
    /// The directories of PATH.
    public var directories: [String]
    /// What paths among the arguments are relative to.
    public var workingDirectory: String

    /// The directories of the PATH that engines set where an image sets none.
    static let usualDirectories = directories(of: ImageConfig.Execution.usualPath[...])

    private static func directories(of path: Substring) -> [String] { path.split(separator: ":").map(String.init) }

    /// A start.
    public init(program: String, arguments: [String] = [], directories: [String], workingDirectory: String = "/") {
        self.workingDirectory = workingDirectory
        self.program = program
        self.arguments = arguments
        self.directories = directories
    }

    /// The start that an image's configuration and a command line amount to; nil when they name no program.
    ///
    /// - Parameter command: in place of the image's; empty for the image's.
    public init?(_ execution: ImageConfig.Execution?, command: [String] = []) {
        let arguments = execution?.arguments(command: command) ?? command
        guard let program = arguments.first else { return nil }
        let path = execution?.environment?.last { $0.hasPrefix("PATH=") }?.dropFirst("PATH=".count)
        self.init(
            program: program, arguments: Array(arguments.dropFirst()),
            directories: path.map(ProgramStart.directories(of:)) ?? ProgramStart.usualDirectories,
            workingDirectory: execution?.workingDirectory ?? "/")
    }
}
