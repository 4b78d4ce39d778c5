/// Why a range is asked for.
public enum FetchCause: String, Codable, Sendable {
    /// A read waited.
    case demand
    /// It lies before a landmark.
    case prefetch
    /// Something that will be read names it.
    case prediction
    /// It completes the layer.
    case background
}

/// One attempt to get a range of a layer, as the engine sees it.
public struct TraceRange: Codable, Equatable, Sendable {
    /// The same for all attempts.
    public var id: Int
    /// Digest of the layer.
    public var layer: String
    /// Chunks that it brings.
    public var extent: ClosedRange<Int>
    /// Why.
    public var cause: FetchCause
    /// From 1 on.
    public var attempt = 1
    /// Microseconds: since then it waited for its turn.
    public var queued: UInt64
    /// When it was asked for.
    public var start: UInt64 = 0
    /// When it was over.
    public var end: UInt64 = 0
    /// First and last byte of the blob that were asked for.
    public var bytes: ClosedRange<UInt64>?
    /// Whether it reads what was asked for when the layer was opened.
    public var isFront = false
    /// Why it was not whole.
    public var failure: String?

    init(id: Int, layer: String, extent: ClosedRange<Int>, cause: FetchCause, queued: UInt64) {
        (self.id, self.layer, self.extent, self.cause, self.queued) = (id, layer, extent, cause, queued)
    }
}
