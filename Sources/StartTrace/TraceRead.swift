/// Where a read reads, and who.
public struct ReadPlace: Codable, Equatable, Sendable {
    /// In the layer's content file.
    public var offset: UInt64
    /// Bytes.
    public var size: Int
    /// Process that reads; 0 where it cannot be seen.
    public var process: Int32

    /// A place.
    public init(offset: UInt64, size: Int, process: Int32 = 0) { (self.offset, self.size, self.process) = (offset, size, process) }
}

/// A read that waited.
public struct TraceRead: Codable, Equatable, Sendable {
    /// Digest of the layer.
    public var layer: String
    /// Where, and who.
    public var place: ReadPlace
    /// Name of the process's program.
    public var program: String?
    /// Microseconds.
    public var start: UInt64
    /// Microseconds.
    public var end: UInt64
    /// Why it waited.
    public var cause: WaitCause
    /// Of its wait: until the last of its ranges was asked for.
    public var queued: UInt64
    /// Attempts that its ranges took, at most.
    public var attempts: Int
    /// Ids of the ranges that it waited for.
    public var ranges: [Int]
    /// Whether it ended with an error.
    public var isFailed: Bool
    /// Files that it read of; known once somebody has looked them up.
    public var files: [FilePart] = []

    /// Microseconds that it waited.
    public var wait: UInt64 { end - min(start, end) }

    /// A part of a file.
    public struct FilePart: Codable, Equatable, Sendable {
        /// Absolute, in the container.
        public var path: String
        /// Of the part, in the file.
        public var offset: UInt64
        /// Bytes of the part.
        public var size: UInt64
        /// Bytes of the file.
        public var fileSize: UInt64

        /// A part.
        public init(path: String, offset: UInt64, size: UInt64, fileSize: UInt64) {
            (self.path, self.offset, self.size, self.fileSize) = (path, offset, size, fileSize)
        }
    }
}
