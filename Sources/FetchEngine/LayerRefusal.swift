public import Digests

/// Why a layer cannot be mounted lazily; the client falls back to pulling it. The code goes into logs, status and metrics.
public enum LayerRefusal: Error, CustomStringConvertible {
    /// The descriptor has no TOC digest, so nothing in the blob could be trusted.
    case notVerifiable
    /// The blob is not in a lazy format.
    case notLazyFormat(String)
    /// The TOC is not the one that the manifest's annotation names.
    case tocDigestMismatch(expected: Digest, actual: Digest)
    /// The TOC is damaged or hostile.
    case badTOC(String)
    /// The registry did not give what was asked for.
    case registry(String)
    /// The local store refused.
    case store(String)

    /// Short, stable name of the reason.
    public var code: String {
        switch self {
        case .notVerifiable: "not-verifiable"
        case .notLazyFormat: "not-lazy-format"
        case .tocDigestMismatch: "toc-digest-mismatch"
        case .badTOC: "bad-toc"
        case .registry: "registry"
        case .store: "store"
        }
    }

    /// One line for the user; the caller adds which layer.
    public var description: String {
        switch self {
        case .notVerifiable: "the manifest has no TOC digest for it (an ordinary layer; `starling convert` makes it lazy)"
        case .notLazyFormat(let reason): "not in a lazy format: \(reason)"
        case .tocDigestMismatch(let expected, let actual): "the TOC has digest \(actual), the manifest says \(expected)"
        case .badTOC(let reason): reason
        case .registry(let reason): reason
        case .store(let reason): reason
        }
    }
}
