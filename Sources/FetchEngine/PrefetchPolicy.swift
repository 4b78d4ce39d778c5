public import ChunkStore
public import OCI
internal import TreeImage

/// How far from its front a layer is fetched before anybody reads it.
public struct PrefetchPolicy: Sendable {
    /// Whether anything is.
    public var isOn = true
    /// Bytes of layers that say nothing themselves, with a landmark of either kind; a snapshot's label goes before this (`Annotation.prefetchSize`).
    public var size: UInt64 = 0

    /// Landmarks decide, and nothing else.
    public init() {}

    /// Nothing is fetched before it is asked for.
    public static var none: PrefetchPolicy {
        var policy = PrefetchPolicy()
        policy.isOn = false
        return policy
    }

    /// Offset in the blob before which everything is fetched; 0 for nothing.
    public func end(of layer: StoredLayer, _ descriptor: Descriptor) -> UInt64 {
        guard isOn else { return 0 }
        guard layer.facts.hasLandmark == false else { return layer.chunks.prefetchEnd }
        let wanted = descriptor.annotations?[Annotation.prefetchSize].flatMap { UInt64($0) } ?? size
        return min(wanted, layer.facts.blobSize)
    }
}
