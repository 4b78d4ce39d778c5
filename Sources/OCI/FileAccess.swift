public import Digests

/// One file of an image that was read: a line of a record, which lists files in the order in which they were read (JSON lines, as the reference's
/// optimizer writes them; `ranges` is ours, and others ignore it). A file of which more was read later has another line then.
public struct FileAccess: Codable, Equatable, Sendable {
    /// Path in the layer, without a slash before it.
    public var path: String
    /// Digest of the image's manifest; nil for any image.
    public var manifestDigest: Digest?
    /// Place of the layer in the image, the lowest is 0; nil for every layer that has the path.
    public var layerIndex: Int?
    /// What was read of the file; nil for all of it.
    public var ranges: [Span]?

    /// Bytes of a file.
    public struct Span: Codable, Equatable, Sendable {
        /// Where they begin in the file.
        public var offset: Int64
        /// How many they are.
        public var size: Int64

        /// Bytes from `offset` on.
        public init(offset: Int64, size: Int64) { (self.offset, self.size) = (offset, size) }
    }

    /// A file that was read.
    public init(path: String, manifestDigest: Digest? = nil, layerIndex: Int? = nil, ranges: [Span]? = nil) {
        self.path = path
        self.manifestDigest = manifestDigest
        self.layerIndex = layerIndex
        self.ranges = ranges
    }
}

extension FileAccess.Span {
    /// The bytes of all, ascending and apart. What is no range of a file is left out.
    public static func union(_ spans: [FileAccess.Span]) -> [FileAccess.Span] {
        let sound = spans.filter { $0.offset >= 0 && $0.size > 0 && $0.size <= .max - $0.offset }
        return sound.sorted { $0.offset < $1.offset }.reduce(into: []) { result, span in
            if let last = result.last, span.offset <= last.offset + last.size {
                result[result.count - 1].size = max(last.size, span.offset + span.size - last.offset)
            } else {
                result.append(span)
            }
        }
    }
}
