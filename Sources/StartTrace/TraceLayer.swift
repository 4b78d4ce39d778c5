/// A layer as it was at the end of the record.
public struct TraceLayer: Codable, Equatable, Sendable {
    /// Digest of the blob.
    public var digest: String
    /// Bytes of the blob.
    public var size: UInt64
    /// Format, for people; nil for a layer that is not lazy.
    public var format: String?
    /// Blob offset of its landmark, before which everything is wanted first; 0 for none.
    public var landmark: UInt64 = 0
    /// Bytes of its files.
    public var contentBytes: UInt64 = 0
    /// Reads that the kernel asked us for, of files of this layer.
    public var reads: UInt64 = 0
    /// Of these: reads that waited.
    public var waits: UInt64 = 0
    /// Bytes of files that came before anybody read them, and were read since.
    public var hitBytes: UInt64 = 0
    /// Bytes of files that came before anybody read them, and were not read.
    public var wasteBytes: UInt64 = 0
    /// The largest of the files that make up the waste.
    public var wasted: [WastedFile] = []

    /// A file that came and was not read.
    public struct WastedFile: Codable, Equatable, Sendable {
        /// In the container.
        public var path: String
        /// Bytes that came for nothing.
        public var bytes: UInt64

        /// A file.
        public init(path: String, bytes: UInt64) { (self.path, self.bytes) = (path, bytes) }
    }

    /// A layer of which nothing is known but what the manifest says.
    public init(digest: String, size: UInt64, format: String? = nil) { (self.digest, self.size, self.format) = (digest, size, format) }
}
