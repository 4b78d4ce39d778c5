/// Bytes of a layer's content that came before a read asked for them: by prefetch, or along with what a read missed; not to complete the layer.
public struct PrefetchStatus: Codable, Equatable, Sendable {
    /// All of them: `hitSize` and `wasteSize`.
    public var size: UInt64
    /// Of these, bytes in chunks that were read.
    public var hitSize: UInt64
    /// Of these, bytes in chunks that nobody has read yet.
    public var wasteSize: UInt64

    /// What came ahead.
    public init(hitSize: UInt64, wasteSize: UInt64) {
        size = hitSize + wasteSize
        self.hitSize = hitSize
        self.wasteSize = wasteSize
    }
}
