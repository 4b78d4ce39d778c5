/// What the command line says about a container, beyond its image.
public struct ContainerSettings: Sendable {
    /// Words after the image's name: replace the image's Cmd; its Entrypoint stays.
    public var command: [String]
    /// `NAME=value` entries over the image's.
    public var environment: [String]
    /// `user[:group]`, names or numbers, in place of the image's.
    public var user: String?
    /// Working directory in place of the image's.
    public var workingDirectory: String?
    /// Host name; this machine's when nil, as docker does on the host's network.
    public var hostname: String?
    /// Whether the container gets a terminal of its own; ours must be one.
    public var terminal: Bool

    /// Nothing but a command.
    public init(
        command: [String] = [], environment: [String] = [], user: String? = nil, workingDirectory: String? = nil, hostname: String? = nil,
        terminal: Bool = false
    ) {
        self.command = command
        self.environment = environment
        self.user = user
        self.workingDirectory = workingDirectory
        self.hostname = hostname
        self.terminal = terminal
    }
}
