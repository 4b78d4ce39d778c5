internal import OCI

/// What a manifest says of where things are in a blob: offset of the TOC, end of what is wanted first, and the blob's size, as snapshot labels
/// do not tell it. It is not trusted: a wrong one costs time, and nothing else.
struct OpeningHint: Equatable {
    /// Size of the blob in bytes.
    let blobSize: UInt64
    /// Where the TOC begins.
    let tocOffset: UInt64
    /// Before it everything is wanted first; 0 for nothing.
    let prefetchEnd: UInt64

    /// Bytes of a TOC's member and the footer that are believed: no less than any footer, far above any real TOC.
    private static let tocSizes: ClosedRange<UInt64> = 128...64 << 20

    /// Reads a descriptor's annotation; nil when there is none, or it cannot be true.
    init?(_ descriptor: Descriptor) {
        let parts = descriptor.annotations?[Annotation.openingHint]?.split(separator: ":", omittingEmptySubsequences: false)
        guard let parts, parts.count == 3, let tocOffset = UInt64(parts[0]), let prefetchEnd = UInt64(parts[1]),
            let size = UInt64(parts[2]), descriptor.size <= 0 || size == UInt64(descriptor.size), tocOffset < size,
            OpeningHint.tocSizes.contains(size - tocOffset), prefetchEnd <= tocOffset
        else { return nil }
        blobSize = size
        self.tocOffset = tocOffset
        self.prefetchEnd = prefetchEnd
    }
}
