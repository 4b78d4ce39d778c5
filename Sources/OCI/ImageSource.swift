/// Where an image is read from: a registry, a layout, an archive, containerd.
public protocol ImageSource: Sendable {
    /// The source as the user named it, for messages.
    var name: String { get }
    /// The image's top document, an index or a manifest, with its descriptor (the digest is verified).
    func root() async throws -> (Descriptor, [UInt8])
    /// A manifest or index by descriptor, verified.
    func document(_ descriptor: Descriptor) async throws -> [UInt8]
    /// A blob's bytes in order. The stream verifies size and digest at its end and throws on a mismatch.
    func blob(_ descriptor: Descriptor) async throws -> any BlobStream
    /// A blob to be read in parts.
    func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges
    /// The image that belongs to this one and is found by its name: the same with something behind the tag.
    ///
    /// - Throws: `NoCompanionError` where there is no tag to put something behind.
    func companion(tagSuffix: String) throws -> any ImageSource
}

/// Where an image is written to. Nothing is visible under the destination's name until `tag`.
public protocol ImageDestination: Sendable {
    /// The destination as the user named it, for messages.
    var name: String { get }
    /// Refuses early what cannot work (no credentials, not writable), before hours are spent.
    func check() async throws
    /// Where temporary files that belong to the image are best made; nil when any place is as good. Exists after `check`.
    var stagingDirectory: String? { get }
    /// Begins to store a blob, of which nothing is known yet.
    ///
    /// Where blobs have an order, it is that in which their ingests are made.
    func ingest(_ terms: IngestTerms) async throws -> any BlobIngest
    /// Stores a small blob from memory; a no-op when it is there.
    func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws
    /// Stores a manifest or index under its digest, without a tag.
    func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws
    /// Makes a stored document the image of that name: the last step, all or nothing.
    func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws
    /// Gives up what was written and not tagged, and removes temporary files.
    func abandon() async
    /// The place for an image that belongs to this one and is found by its name: the same with something behind the tag.
    ///
    /// - Throws: `NoCompanionError` where there is no tag to put something behind.
    func companion(tagSuffix: String) throws -> any ImageDestination
}

/// An image has no tag that a second one could be named after.
public struct NoCompanionError: Error, Equatable, CustomStringConvertible {
    /// The image as the user named it.
    public let name: String

    /// Names the image.
    public init(name: String) { self.name = name }

    /// One line for the user.
    public var description: String { "\(name): the image with its TOCs is named after its tag, and there is none; give it a tag" }
}

extension ImageDestination {
    /// No place of its own.
    public var stagingDirectory: String? { nil }
    /// No second image here.
    public func companion(tagSuffix: String) throws -> any ImageDestination { throw NoCompanionError(name: name) }
}

/// Bytes in order, pulled by one thread at a time; reading blocks the thread, so it belongs on one that may wait.
public protocol BlobStream: AnyObject, Sendable {
    /// Fills the front of `buffer` and returns how many bytes; 0 at the end, and then the content was verified.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
    /// Ends early and frees what the stream holds. Harmless at any time.
    func cancel()
}
