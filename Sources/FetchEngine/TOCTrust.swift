internal import OCI

/// Which TOCs are believed. Chunks are verified against the TOC in any case; without its digest that only guards against accidents.
public enum TOCTrust: Sendable {
    /// Those whose digest the manifest names.
    case verified
    /// Also those of layers without one, where the snapshot's label asks for it (`Annotation.skipVerify`).
    case labelled
    /// All, as they come.
    case anything

    /// What is expected of a layer's TOC, nil for nothing, and the layer without what is not to be checked.
    ///
    /// - Throws: `LayerRefusal.notVerifiable` for a layer that may not be believed.
    func expected(of descriptor: Descriptor) throws(LayerRefusal) -> (Descriptor, ExpectedTOC?) {
        switch self {
        case .verified: return (descriptor, try ExpectedTOC(descriptor))
        case .labelled:
            do {
                return (descriptor, try ExpectedTOC(descriptor))
            } catch {
                guard case .notVerifiable = error, descriptor.annotations?[Annotation.skipVerify] != nil else { throw error }
                return (descriptor, nil)
            }
        case .anything:
            var descriptor = descriptor
            descriptor.annotations?[Annotation.tocDigest] = nil
            descriptor.annotations?[Annotation.zstdChunkedChecksum] = nil
            return (descriptor, nil)
        }
    }
}
