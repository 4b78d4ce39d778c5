internal import Configuration

/// Which layers are to be lazy, of those that could be.
struct LayerAdmission: Sendable {
    /// Whether any is.
    let isOn: Bool
    /// Bytes of the blob that it takes at least.
    let minimumSize: UInt64

    /// Why one is not.
    enum Refusal: Error, CustomStringConvertible {
        case switchedOff
        case tooSmall(size: UInt64, minimum: UInt64)

        /// Short, stable name of the reason, beside those of `LayerRefusal`.
        var code: String {
            switch self {
            case .switchedOff: "switched-off"
            case .tooSmall: "too-small"
            }
        }

        var description: String {
            switch self {
            case .switchedOff: "the configuration wants no lazy layers (lazy = \"never\")"
            case .tooSmall(let size, let minimum): "its \(size) bytes are less than the \(minimum) of min_layer_size"
            }
        }
    }

    init(_ configuration: DaemonConfiguration.Starling) {
        isOn = configuration.lazy != "never"
        minimumSize = UInt64(configuration.minLayerSize)
    }

    /// - Parameter size: of the blob in bytes; nil while nobody knows it.
    func check(size: UInt64?) throws(Refusal) {
        guard isOn else { throw .switchedOff }
        if let size, size < minimumSize { throw .tooSmall(size: size, minimum: minimumSize) }
    }
}
