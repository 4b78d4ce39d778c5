/// How the engine fetches.
public struct FetchOptions: Sendable {
    /// Threads that inflate and verify; two keep up with several gigabits.
    public var decoders = 2
    /// How long a read waits at most for bytes that the registry does not give; then it fails, and a later one asks anew.
    public var readTimeout = Duration.seconds(300)
    /// Shortest wait before a range is asked for again; it doubles with each attempt.
    public var shortestRetryWait = Duration.milliseconds(30)
    /// Longest wait before a range is asked for again.
    public var longestRetryWait = Duration.seconds(5)
    /// Whether the rest of a layer is fetched when nothing more urgent is to do (`ChunkFetcher.complete`).
    public var completesLayers = true
    /// Ranges under way at once to complete layers.
    public var backgroundStreams = 2
    /// Bytes per second that prefetch and background may take together; nil for no limit. Demands are never limited.
    public var bandwidthLimit: UInt64?

    /// The defaults.
    public init() {}

    var waits: RetryPlan.Waits { RetryPlan.Waits(shortest: shortestRetryWait, longest: max(shortestRetryWait, longestRetryWait)) }
}
