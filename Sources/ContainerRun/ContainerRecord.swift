/// What a container is, from before its start until it is removed (`container.json`).
public struct ContainerRecord: Codable, Equatable, Sendable {
    /// 64 hexadecimal digits.
    public var id: String
    /// As people call it; nil when they do not.
    public var name: String?
    /// Full reference of the image.
    public var image: String
    /// Digest of the image's manifest.
    public var imageDigest: String
    /// Program and arguments.
    public var command: [String]
    /// Labels of the command line.
    public var labels: [String: String]
    /// When it was made.
    public var created: Timestamp
    /// Whether it is removed when it ends.
    public var removesAtEnd: Bool
    /// Whether its output is kept, for `logs`; it is not when it went to a terminal or a pipe of its caller.
    public var keepsLog: Bool
    /// Whether it has a terminal.
    public var terminal: Bool
    /// Whether it has a standard input, for `attach`.
    public var readsInput: Bool
    /// Its network.
    public var network: ContainerNetwork
    /// Ports of this machine that lead to it.
    public var ports: [PortMapping]
    /// Its address on the bridge, the last that it had.
    public var address: String?
    /// Signal that asks it to end.
    public var stopSignal: Int32
    /// Path of its OCI runtime.
    public var runtime: String
    /// The words of the command line behind `run`, by which it is started again.
    public var arguments: [String]
}

/// What has become of a container (`state.json`).
public struct ContainerState: Codable, Equatable, Sendable {
    /// Whether the container has ended; else the process that holds its lock runs it, or was killed.
    public var hasEnded = false
    /// Exit status, once it has ended.
    public var exitStatus: Int32 = 0
    /// When it was started last.
    public var started: Timestamp
    /// When it ended.
    public var finished: Timestamp?
    /// Whether the process that ran it was killed, so that how the program would have ended is not known.
    public var wasLost: Bool = false

    init(started: Timestamp) { self.started = started }
}

/// A container as lists show it.
public struct ContainerSummary: Equatable, Sendable {
    /// What it is.
    public var record: ContainerRecord
    /// What has become of it.
    public var state: ContainerState
    /// Its address on the bridge, while it runs there.
    public var address: String?
    /// Ports of this machine that lead to it now.
    public var ports: [PortMapping]
    /// Process id of the container's first process, while it runs.
    public var processID: Int32?

    /// Whether it runs.
    public var isRunning: Bool { !state.hasEnded }
}
