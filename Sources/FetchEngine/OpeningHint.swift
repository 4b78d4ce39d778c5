internal import OCI

/// What a manifest says of where things are in a blob of known size. It is not trusted: a wrong one costs time, and nothing else.
struct OpeningHint: Equatable {
    /// Where the TOC begins.
    let tocOffset: UInt64
    /// Before it everything is wanted first; 0 for nothing.
    let prefetchEnd: UInt64

    /// Bytes of a TOC's member that are believed, far above any real one.
    private static let mostOfTOC: UInt64 = 64 << 20

    /// Reads a descriptor's annotation; nil when there is none, or it cannot be true.
    init?(_ descriptor: Descriptor) {
        let parts = descriptor.annotations?[Annotation.openingHint]?.split(separator: ":", omittingEmptySubsequences: false)
        guard let parts, parts.count == 2, let tocOffset = UInt64(parts[0]), let prefetchEnd = UInt64(parts[1]), descriptor.size > 0,
            case let size = UInt64(descriptor.size), tocOffset < size, size - tocOffset <= OpeningHint.mostOfTOC,
            prefetchEnd <= tocOffset
        else { return nil }
        self.tocOffset = tocOffset
        self.prefetchEnd = prefetchEnd
    }
}
