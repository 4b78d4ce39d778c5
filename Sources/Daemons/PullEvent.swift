public import OCI

/// What a pull tells of itself.
public enum PullEvent: Sendable {
    /// A layer's turn has come; its blob has so many bytes.
    case started(LayerName, size: Int64)
    /// So many bytes of a layer's blob were downloaded; from 0 on again when that is begun anew.
    case progress(LayerName, bytes: Int64)
    /// A layer is there.
    case finished(LayerName, LayerReport)
}
