/// A step of the start and how long it took.
public struct TraceSpan: Codable, Equatable, Sendable {
    /// What it belongs to.
    public enum Lane: String, Codable, Sendable {
        /// Finding out what the image is.
        case resolve
        /// Opening its layers and putting them together.
        case layers
        /// Guessing what will be read.
        case prediction
        /// Preparing and running the container.
        case container
    }

    /// What it belongs to.
    public var lane: Lane
    /// A word or two.
    public var name: String
    /// What is worth knowing besides.
    public var detail: String?
    /// Digest of the layer that it is about.
    public var layer: String?
    /// Microseconds.
    public var start: UInt64
    /// Microseconds.
    public var end: UInt64
}
