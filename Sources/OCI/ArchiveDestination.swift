/// A tar of an OCI image layout that gets its name when it is whole; an older file of that name is replaced then.
///
/// For docker it has its `manifest.json` besides, as BuildKit writes it: `docker load`, `podman load` and skopeo read it. The layers are the
/// blobs as they are and not unpacked, as they would be by docker's own habit: an eStargz layer stays one, and the layout's manifest keeps the
/// digest of its TOC. Same image, same bytes.
public final class ArchiveDestination: ImageDestination {
    private let path: String
    private let kind: Kind
    private let archive: ArchiveWriter

    private enum Kind {
        case oci(tag: String?)
        case docker(tag: Reference?)
    }

    private init(_ path: String, _ kind: Kind) {
        self.path = path
        self.kind = kind
        archive = ArchiveWriter(path: path)
    }

    /// The image of a tag (or none) in a new archive.
    public convenience init(oci path: String, tag: String?) { self.init(path, .oci(tag: tag)) }

    /// An image in a new archive for docker.
    ///
    /// - Parameter tag: the image's name once it is loaded; nil leaves it without one.
    public convenience init(docker path: String, tag: Reference?) { self.init(path, .docker(tag: tag)) }

    /// `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:REF]`.
    public var name: String {
        switch kind {
        case .oci(let tag): ImageName.archive(file: path, tag: tag).description
        case .docker(let tag): ImageName.dockerArchive(file: path, image: tag.map { .tagged($0) }).description
        }
    }

    /// Sees whether something can be written beside the file.
    public func check() async throws { try archive.check() }

    /// Beside the file: room is needed there anyway.
    public var stagingDirectory: String? { archive.directory }

    /// A blob that is written into the archive, behind those whose ingests were made before.
    public func ingest(_ terms: IngestTerms) async throws -> any BlobIngest { ArchiveIngest(into: archive, terms: terms) }

    /// Stores a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try archive.end(archive.open(), with: .blob(descriptor, .bytes(bytes)))
    }

    /// Stores a manifest or index.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws { try await putBlob(descriptor, bytes: bytes) }

    /// Ends the archive and gives it its name.
    ///
    /// - Throws: `LayoutError.onePlatform` for an index in a docker archive: docker's manifest cannot express it.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        switch kind {
        case .oci(let tag): try await publish(descriptor, bytes, tag: tag)
        case .docker(let tag):
            guard MediaType.isManifest(descriptor.mediaType) else { throw LayoutError.onePlatform(path: path) }
            let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest \(descriptor.digest)")
            var named = descriptor
            named.annotations = tag.map { [Annotation.containerdImageName: $0.description] }
            let list = try Documents.encode([DockerManifest(manifest, tag: tag)])
            try await publish(named, bytes, tag: tag?.tag, more: [(DockerManifest.fileName, list)])
        }
    }

    private func publish(
        _ descriptor: Descriptor, _ bytes: [UInt8], tag: String?, more: [(name: String, bytes: [UInt8])] = []
    ) async throws {
        try await putDocument(descriptor, bytes: bytes)
        let index = try Documents.encode(LayoutIndex.adding(descriptor, tag: tag, to: nil))
        try archive.publish([("oci-layout", LayoutIndex.marker), ("index.json", index)] + more)
    }

    /// An archive of its own beside this one: the suffix stands behind the tag, and in the file's name before `.tar`.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        let file = ImageName.companion(ofArchive: path, suffix: tagSuffix)
        switch kind {
        case .oci(let tag): return ArchiveDestination(oci: file, tag: tag.map { $0 + tagSuffix })
        case .docker(let tag):
            let longer = tag.map { Reference(registry: $0.registry, repository: $0.repository, tag: ($0.tag ?? "latest") + tagSuffix) }
            return ArchiveDestination(docker: file, tag: longer)
        }
    }

    /// Lets go what was written.
    public func abandon() async { archive.removeAll() }
}
