public import Digests

/// Why bytes of a layer could not be had, apart from the registry's own errors.
public enum FetchError: Error, Equatable, CustomStringConvertible {
    /// The registry's answer ended before the range did.
    case truncated(layer: Digest)
    /// A member could not be decompressed.
    case member(layer: Digest?, blobOffset: UInt64, reason: String)
    /// A read waited as long as it may.
    case timedOut(layer: Digest, after: Duration, last: String?)
    /// The layer was given up while a read waited.
    case closed(layer: Digest)
    /// The engine was shut down.
    case shutDown

    /// One line for the log.
    public var description: String {
        switch self {
        case .truncated(let layer): "layer \(layer): the registry's answer ended early"
        case .member(let layer, let offset, let reason):
            (layer.map { "layer \($0): " } ?? "") + "member at blob offset \(offset) cannot be decompressed: \(reason)"
        case .timedOut(let layer, let time, let last):
            "layer \(layer): not here after \(time.components.seconds) s" + (last.map { "; last: \($0)" } ?? "")
        case .closed(let layer): "layer \(layer): closed"
        case .shutDown: "shutting down"
        }
    }
}
