internal import Digests
internal import Synchronization

/// An image of docker's `manifest.json`, with the manifest that was made for it.
struct DescribedImage: Sendable {
    let descriptor: Descriptor
    let manifest: [UInt8]
    /// Where the configuration and the layers are in the archive.
    let blobs: [Digest: ArchiveMembers.Member]
}

/// Makes a manifest (docker's schema 2) for an image that an archive names by its files. Blocks: layers may have to be read.
final class DockerImageDescriber: Sendable {
    private let members: ArchiveMembers
    private let image: DockerManifest
    private let isCancelled = Atomic(false)

    init(members: ArchiveMembers, image: DockerManifest) {
        self.members = members
        self.image = image
    }

    /// Makes `describe` end soon.
    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Describes the layers as they stand in the archive.
    ///
    /// - Throws: `LayoutError`, `DocumentError`; `CancellationError`.
    func describe() throws -> DescribedImage {
        let bytes = try members.document(image.config)
        var config = Descriptor(of: bytes, mediaType: MediaType.dockerConfig)
        if let promised = image.configDigest {
            config.digest = promised
            try LayoutIndex.verify(bytes, config, path: members.path)
        }
        let what = "\(members.path): \(image.config)"
        let diffIDs = try Documents.decode(ImageConfig.self, from: bytes, what: what).rootfs?.diffIDs ?? []
        let names = image.layers ?? []
        guard names.count == diffIDs.count else {
            throw failure("\(DockerManifest.fileName) lists \(names.count) layers, the configuration \(diffIDs.count)")
        }
        var blobs = [config.digest: try member(image.config)]
        var layers: [Descriptor] = []
        for (name, diffID) in zip(names, diffIDs) {
            let member = try member(name)
            let layer = try describe(member, diffID)
            blobs[layer.digest] = member
            layers.append(layer)
        }
        var manifest = Manifest(config: config, layers: layers)
        manifest.mediaType = MediaType.dockerManifest
        let encoded = try Documents.encode(manifest)
        return DescribedImage(descriptor: Descriptor(of: encoded, mediaType: MediaType.dockerManifest), manifest: encoded, blobs: blobs)
    }

    private func describe(_ member: ArchiveMembers.Member, _ diffID: Digest) throws -> Descriptor {
        let magic = try members.file.bytes(at: member.start, count: Int(min(4, member.size)))
        let type: String
        if magic.starts(with: [0x1f, 0x8b]) {
            type = MediaType.dockerLayerGzip
        } else if magic.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            type = MediaType.dockerLayerZstd
        } else {
            // A plain tar is what the configuration has the digest of; who reads the layer finds out whether that is true.
            return Descriptor(mediaType: MediaType.dockerLayerTar, digest: diffID, size: member.size)
        }
        return Descriptor(mediaType: type, digest: try hash(member), size: member.size)
    }

    private func hash(_ member: ArchiveMembers.Member) throws -> Digest {
        var hasher = SHA256Hasher()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var done: Int64 = 0
        while done < member.size {
            if isCancelled.load(ordering: .relaxed) { throw CancellationError() }
            let window = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(Int(min(Int64(buffer.count), member.size - done))))
            let count = try members.file.read(into: window, at: member.start + done)
            // It was all there when the archive was opened.
            guard count > 0 else { throw failure("it was cut while it was read") }
            hasher.update(UnsafeRawBufferPointer(rebasing: window[..<count]))
            done += Int64(count)
        }
        return hasher.finalize()
    }

    private func member(_ name: String) throws -> ArchiveMembers.Member {
        guard let member = members[name] else { throw failure("there is no \(name)") }
        return member
    }

    private func failure(_ reason: String) -> LayoutError { .notAnArchive(path: members.path, reason: reason) }
}
