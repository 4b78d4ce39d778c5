internal import FoundationEssentials

/// One start, finished: what happened, and what the image and its layers are. What pages are made of, and what is kept of a detached container.
public struct StartRecord: Codable, Equatable, Sendable {
    /// Version of this form.
    public var version = 1
    /// The image as the user named it.
    public var image: String
    /// The container's command line.
    public var command: [String]
    /// What of it was said in place of the image's; empty for nothing.
    public var arguments: [String]
    /// How the container sees lazy layers.
    public var mode: String
    /// Its layers, the lowest first.
    public var layers: [TraceLayer]
    /// What happened.
    public var events: TraceEvents

    /// A record.
    public init(image: String, command: [String], arguments: [String], mode: String, layers: [TraceLayer], events: TraceEvents) {
        (self.image, self.command, self.arguments, self.mode) = (image, command, arguments, mode)
        (self.layers, self.events) = (layers, events)
    }

    /// Writes it as JSON.
    public func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(self))
    }

    /// Reads what `encoded` wrote.
    ///
    /// - Throws: `NoRecord` for anything else.
    public init(encoded bytes: [UInt8]) throws(NoRecord) {
        guard let record = try? JSONDecoder().decode(StartRecord.self, from: Data(bytes)), record.version == 1 else { throw NoRecord() }
        self = record
    }

    /// Bytes that are no record of this version.
    public struct NoRecord: Error, CustomStringConvertible {
        /// One line.
        public var description: String { "not a record of a start that this version of starling reads" }
    }
}

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
