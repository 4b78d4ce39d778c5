/// What the command line says about a container, beyond its image. Everything that is not said is docker's default, but for the network.
public struct ContainerSettings: Sendable {
    /// Words after the image's name: replace the image's Cmd; its Entrypoint stays.
    public var command: [String]
    /// Replaces the image's Entrypoint, and its Cmd with it; empty for none.
    public var entrypoint: [String]?
    /// `NAME=value` entries over the image's.
    public var environment: [String]
    /// `user[:group]`, names or numbers, in place of the image's.
    public var user: String?
    /// Working directory in place of the image's.
    public var workingDirectory: String?
    /// Host name; when nil this machine's on the host's network, as docker does, else the container's id.
    public var hostname: String?
    /// Whether the container gets a terminal of its own; ours must be one.
    public var terminal: Bool
    /// Whether our standard input is the container's; else its is empty.
    public var readsInput = true
    /// Whether a small first process passes signals on and reaps what nobody waits for.
    public var hasInit = false
    /// Whether the root file system cannot be written to.
    public var isReadOnly = false
    /// What it sees of the host's files, and memory.
    public var mounts: [ContainerMount] = []
    /// Devices of the host.
    public var devices: [DeviceMapping] = []
    /// What its control group limits.
    public var limits = ResourceLimits()
    /// What its processes are limited to.
    public var processLimits: [ProcessLimit] = []
    /// What keeps it from the machine.
    public var security = SecuritySettings()
    /// Its network.
    public var network = ContainerNetwork.host
    /// Ports of this machine that lead to it, on a bridge.
    public var ports: [PortMapping] = []
    /// Lines of /etc/hosts.
    public var hosts: [HostEntry] = []

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

/// What network a container is in.
public enum ContainerNetwork: String, Codable, Sendable, CaseIterable {
    /// This machine's.
    case host
    /// One of its own, with a loopback and nothing else.
    case none
    /// One of its own, connected to the others' and to the world.
    case bridge
}
