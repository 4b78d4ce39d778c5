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
    public func encoded() throws -> [UInt8] { try JSONText.write(self) }

    /// Places of its layers by their digests.
    var layerPlaces: [String: Int] { Dictionary(layers.enumerated().map { ($1.digest, $0) }, uniquingKeysWith: { first, _ in first }) }

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
