public import HostSystem

/// A tar of an OCI image layout, that gets its name when it is whole; an older file of that name is replaced then.
///
/// Same image, same bytes.
public final class OCIArchiveDestination: ImageDestination {
    private let path: String
    private let tagName: String?
    private let staging: ArchiveStaging

    /// The image of a tag (or none) in a new archive.
    public init(file: String, tag: String?) {
        path = file
        tagName = tag
        staging = ArchiveStaging(file: file, tag: tag)
    }

    /// `oci-archive:FILE[:TAG]`.
    public var name: String { ImageName.archive(file: path, tag: tagName).description }

    /// Sees whether something can be written beside the file.
    public func check() async throws { try staging.check() }
    /// Whether the blob was stored already.
    public func hasBlob(_ descriptor: Descriptor) async throws -> Bool { staging.blobs.has(descriptor.digest) }
    /// Stores a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try staging.blobs.put(descriptor, .bytes(bytes))
    }
    /// Where the blobs are collected.
    public var stagingDirectory: String? { staging.blobs.directory }
    /// Stores a blob from a file.
    public func putBlob(_ descriptor: Descriptor, file: TemporaryFile) async throws { try await staging.blobs.put(descriptor, file: file) }
    /// Stores a blob from another source.
    public func putBlob(_ descriptor: Descriptor, from stream: any BlobStream) async throws {
        try await staging.blobs.put(descriptor, from: stream)
    }
    /// Stores a manifest or index.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try staging.blobs.put(descriptor, .bytes(bytes))
    }

    /// Writes the archive and gives it its name.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws { try staging.publish(descriptor, bytes: bytes) }

    /// An archive of its own beside this one: the suffix stands behind the tag, and in the file's name before `.tar`.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        OCIArchiveDestination(file: ArchiveStaging.companion(of: path, suffix: tagSuffix), tag: tagName.map { $0 + tagSuffix })
    }

    /// Removes everything temporary.
    public func abandon() async { staging.blobs.removeAll() }
}
