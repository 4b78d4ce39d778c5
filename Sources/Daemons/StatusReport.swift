/// A running starlingd, now. The document is for people's scripts too (`starling status --json`): members are only ever added.
public struct StatusReport: Codable, Equatable, Sendable {
    /// Version of the daemon.
    public var version: String
    /// Its state directory.
    public var root: String
    /// How containers see lazy layers: `native`, or `fuse` and why.
    public var mode: String
    /// Lazy layers that are mounted, by digest.
    public var layers: [LayerStatus]
    /// Layers that could not be lazy, the latest last; at most `StatusReport.maximumRefused`.
    public var refused: [RefusedLayer]
    /// How often a layer was asked for and was not lazy since the daemon's start, by code; nil from a daemon that does not count it.
    public var refusals: [String: UInt64]?

    /// How many refusals are remembered.
    public static let maximumRefused = 100

    /// A report.
    public init(version: String, root: String, mode: String, layers: [LayerStatus], refused: [RefusedLayer], refusals: [String: UInt64]) {
        self.version = version
        self.root = root
        self.mode = mode
        self.layers = layers
        self.refused = refused
        self.refusals = refusals
    }
}

/// A mounted lazy layer.
public struct LayerStatus: Codable, Equatable, Sendable {
    /// Digest of the blob.
    public var digest: String
    /// The image it was first mounted for.
    public var image: String
    /// Format of the blob.
    public var format: String
    /// Bytes of the blob.
    public var blobSize: UInt64
    /// Bytes of its files' contents.
    public var contentSize: UInt64
    /// Of these, bytes that are here and verified.
    public var presentSize: UInt64
    /// Compressed bytes received for it since it was mounted.
    public var fetchedBytes: UInt64
    /// Ranges asked of the registry.
    public var requests: UInt64
    /// Reads that waited for the registry.
    public var demandMisses: UInt64
    /// How long they waited, in all.
    public var demandWaitMilliseconds: UInt64
    /// Milliseconds within which half of them had their bytes; nil when that is more than the longest that is told apart, a minute, or when none waited.
    public var demandWaitMedianMilliseconds: UInt64?
    /// The same for 95 of 100.
    public var demandWait95Milliseconds: UInt64?
    /// What was fetched ahead of reads; nil from a daemon that does not count it.
    public var prefetch: PrefetchStatus?
    /// Ranges that failed.
    public var failures: UInt64

    /// A layer's state.
    public init(
        digest: String, image: String, format: String, blobSize: UInt64, contentSize: UInt64, presentSize: UInt64, fetchedBytes: UInt64,
        requests: UInt64, demandMisses: UInt64, demandWaitMilliseconds: UInt64, demandWaitMedianMilliseconds: UInt64? = nil,
        demandWait95Milliseconds: UInt64? = nil, prefetch: PrefetchStatus? = nil, failures: UInt64
    ) {
        self.digest = digest
        self.image = image
        self.format = format
        self.blobSize = blobSize
        self.contentSize = contentSize
        self.presentSize = presentSize
        self.fetchedBytes = fetchedBytes
        self.requests = requests
        self.demandMisses = demandMisses
        self.demandWaitMilliseconds = demandWaitMilliseconds
        self.demandWaitMedianMilliseconds = demandWaitMedianMilliseconds
        self.demandWait95Milliseconds = demandWait95Milliseconds
        self.prefetch = prefetch
        self.failures = failures
    }
}

/// A layer that a client was left to unpack.
public struct RefusedLayer: Codable, Equatable, Sendable {
    /// Digest of the blob; where the client did not name it, that of the chain of layers that it ends.
    public var digest: String
    /// The image; empty where the client did not name it.
    public var image: String
    /// Short, stable name of the reason.
    public var code: String
    /// The reason in words.
    public var reason: String
    /// When, in seconds since 1970.
    public var time: Int64

    /// A refusal.
    public init(digest: String, image: String, code: String, reason: String, time: Int64) {
        self.digest = digest
        self.image = image
        self.code = code
        self.reason = reason
        self.time = time
    }
}
