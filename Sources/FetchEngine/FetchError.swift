public import Digests

/// Why bytes of a layer could not be had, apart from the registry's own errors.
public enum FetchError: Error, Equatable, CustomStringConvertible {
    /// The registry's answer ended before the range did.
    case truncated(layer: Digest)
    /// A member could not be decompressed.
    case member(layer: Digest?, blobOffset: UInt64, reason: String)
    /// The engine was shut down.
    case shutDown

    /// One line for the log.
    public var description: String {
        switch self {
        case .truncated(let layer): "layer \(layer): the registry's answer ended early"
        case .member(let layer, let offset, let reason):
            (layer.map { "layer \($0): " } ?? "") + "member at blob offset \(offset) cannot be decompressed: \(reason)"
        case .shutDown: "shutting down"
        }
    }
}
