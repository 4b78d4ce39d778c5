public import HostSystem

/// An archive as `docker load`, `podman load` and skopeo read it, that gets its name when it is whole.
///
/// It is an OCI layout with docker's `manifest.json`, as BuildKit writes it. The layers are the blobs as they are and not unpacked, as they
/// would be by docker's own habit: an eStargz layer stays one, and the layout's manifest keeps the digest of its TOC.
public final class DockerArchiveDestination: ImageDestination {
    private let path: String
    private let tagName: Reference?
    private let staging: ArchiveStaging

    /// An image in a new archive.
    ///
    /// - Parameter tag: the image's name once it is loaded; nil leaves it without one.
    public init(file: String, tag: Reference?) {
        path = file
        tagName = tag
        staging = ArchiveStaging(file: file, tag: tag?.tag)
    }

    /// `docker-archive:FILE[:REF]`.
    public var name: String { ImageName.dockerArchive(file: path, image: tagName.map { .tagged($0) }).description }

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
    /// Stores a manifest.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try staging.blobs.put(descriptor, .bytes(bytes))
    }

    /// Writes the archive and gives it its name.
    ///
    /// - Throws: `LayoutError.onePlatform` for an index, which docker's manifest cannot express.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        guard MediaType.isManifest(descriptor.mediaType) else { throw LayoutError.onePlatform(path: path) }
        let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest \(descriptor.digest)")
        var named = descriptor
        named.annotations = nil
        if let tagName { named.annotations = [Annotation.containerdImageName: tagName.description] }
        let list = try Documents.encode([DockerManifest(manifest, tag: tagName)])
        try staging.publish(named, bytes: bytes, more: (DockerManifest.fileName, list))
    }

    /// An archive of its own beside this one: the suffix stands behind the tag, and in the file's name before `.tar`.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        let tag = tagName.map { Reference(registry: $0.registry, repository: $0.repository, tag: ($0.tag ?? "latest") + tagSuffix) }
        return DockerArchiveDestination(file: ArchiveStaging.companion(of: path, suffix: tagSuffix), tag: tag)
    }

    /// Removes everything temporary.
    public func abandon() async { staging.blobs.removeAll() }
}
