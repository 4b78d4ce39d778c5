/// Everything that a recorder took down, each kind in the order in which it ended. Times are microseconds since the beginning.
public struct TraceEvents: Codable, Equatable, Sendable {
    /// Seconds since 1970 at the beginning.
    public var beganAt: Int64 = 0
    /// How long it was recorded.
    public var duration: UInt64 = 0
    /// Steps of the start.
    public var spans: [TraceSpan] = []
    /// Requests to registries.
    public var requests: [TraceRequest] = []
    /// Ranges of layers that the engine asked for.
    public var ranges: [TraceRange] = []
    /// Reads that waited.
    public var reads: [TraceRead] = []
    /// When things happened first.
    public var marks: [TraceMark: UInt64] = [:]
    /// The container's.
    public var exitStatus: Int?
    /// What came when there was no room any more.
    public var leftOut = LeftOut()

    /// How many of a kind were not kept.
    public struct LeftOut: Codable, Equatable, Sendable {
        /// Steps.
        public var spans = 0
        /// Requests.
        public var requests = 0
        /// Reads.
        public var reads = 0
    }

    /// Nothing yet.
    public init() {}
}

/// Moments of a start.
public enum TraceMark: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable {
    /// The OCI runtime was started.
    case runtime
    /// The runtime became the container's program.
    case program
    /// The first byte that the container wrote to its standard output or error.
    case firstOutput
    /// The container's end.
    case exit
}
