internal import Digests
internal import Synchronization
internal import Threads

/// An image in an archive of `docker save`, read in place: nothing is unpacked.
///
/// Newer archives are OCI layouts too, and then the image is what the layout says: its manifest knows more than docker's `manifest.json`.
/// Of an older one a manifest is made that describes the layers as they stand in the archive.
public final class DockerArchiveSource: ImageSource {
    private let path: String
    private let image: DockerArchiveImage?
    private let members: ArchiveMembers
    private let opened = Mutex<Opened?>(nil)

    /// An image that was found.
    private enum Opened: Sendable {
        /// In the layout.
        case layout(Descriptor)
        /// Described by docker's manifest.
        case docker(DescribedImage)
    }

    /// Opens an archive and lists its members.
    ///
    /// - Parameter image: which image; nil for the only one.
    /// - Throws: `LayoutError`.
    public init(file path: String, image: DockerArchiveImage?) throws {
        self.path = path
        self.image = image
        members = try ArchiveMembers(path)
    }

    /// `docker-archive:FILE[:REF]`.
    public var name: String { ImageName.dockerArchive(file: path, image: image).description }

    private var layout: ArchivedLayout { ArchivedLayout(members: members) }
    private var choice: DockerArchiveChoice { DockerArchiveChoice(path: path, wanted: image) }

    /// The image's manifest or index. A compressed layer that only docker's manifest names is read once, for its digest.
    public func root() async throws -> (Descriptor, [UInt8]) {
        switch try await open() {
        case .layout(let descriptor): (descriptor, try layout.document(descriptor))
        case .docker(let image): (image.descriptor, image.manifest)
        }
    }

    /// A manifest or index of the archive.
    public func document(_ descriptor: Descriptor) async throws -> [UInt8] {
        guard case .docker(let image) = try await open() else { return try layout.document(descriptor) }
        guard descriptor.digest == image.descriptor.digest else {
            throw LayoutError.notAnArchive(path: path, reason: "there is no manifest \(descriptor.digest)")
        }
        return image.manifest
    }

    /// A blob of the archive.
    public func blob(_ descriptor: Descriptor) async throws -> any BlobStream {
        guard case .docker(let image) = try await open() else { return try layout.blob(descriptor) }
        return try members.blob(member(descriptor, of: image), descriptor)
    }

    /// A blob of the archive in parts.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges {
        guard case .docker(let image) = try await open() else { return try layout.ranges(descriptor) }
        return try members.ranges(member(descriptor, of: image), descriptor)
    }

    private func member(_ descriptor: Descriptor, of image: DescribedImage) throws -> ArchiveMembers.Member {
        guard let member = image.blobs[descriptor.digest] else {
            throw LayoutError.notAnArchive(path: path, reason: "blob \(descriptor.digest) is missing")
        }
        return member
    }

    /// The archive beside this one; see the destination's.
    public func companion(tagSuffix: String) throws -> any ImageSource {
        try DockerArchiveSource(file: ImageName.companion(ofArchive: path, suffix: tagSuffix), image: nil)
    }

    private func open() async throws -> Opened {
        if let found = opened.withLock({ $0 }) { return found }
        let found = try await find()
        opened.withLock { $0 = found }
        return found
    }

    private func find() async throws -> Opened {
        if layout.exists, let descriptor = try imageOfLayout(), try layout.isComplete(descriptor) { return .layout(descriptor) }
        let images = try DockerManifest.all(in: members)
        let image = images[try choice.position(images.map { $0.repoTags ?? [] })]
        let describer = DockerImageDescriber(members: members, image: image)
        return .docker(try await BlockingTask.run(cancel: { describer.cancel() }) { try describer.describe() })
    }

    /// The chosen image of the layout. Each of its names is an entry of the index; nil when docker's manifest knows the names better.
    private func imageOfLayout() throws -> Descriptor? {
        var images: [Descriptor] = []
        var tags: [[String]] = []
        for entry in try layout.index().manifests {
            // containerd's and docker's full name, or one that other tools put whole where the tag belongs.
            let full = entry.annotations?[Annotation.containerdImageName]
            let name = full ?? entry.annotations?[Annotation.referenceName].flatMap { $0.contains(":") ? $0 : nil }
            if let known = images.firstIndex(where: { $0.digest == entry.digest }) {
                tags[known] += name.map { [$0] } ?? []
            } else {
                var image = entry
                // Names within this archive, not facts about the image.
                for key in [Annotation.containerdImageName, Annotation.referenceName] { image.annotations?[key] = nil }
                if image.annotations?.isEmpty == true { image.annotations = nil }
                images.append(image)
                tags.append(name.map { [$0] } ?? [])
            }
        }
        let isNamed = !tags.contains(where: \.isEmpty)
        if !isNamed, images.count > 1 || choice.isByTag, members[DockerManifest.fileName] != nil { return nil }
        return images[try choice.position(tags)]
    }
}
