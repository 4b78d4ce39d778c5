internal import Digests
internal import OCI

/// An image's documents, and what follows from them.
struct ResolvedImage: Sendable {
    /// The top document: what the image record points to.
    let target: Descriptor
    /// Bytes of the index; nil when the top document is the manifest.
    let index: [UInt8]?
    /// The images for the platforms that were chosen, at least one.
    let images: [PlatformImageDocuments]

    /// Reads the documents of the images for the platforms.
    init(source: any ImageSource, platforms: PlatformChoice) async throws {
        let (target, bytes) = try await source.root()
        self.target = target
        guard MediaType.isIndex(target.mediaType) else {
            index = nil
            let image = try await PlatformImageDocuments(target, bytes, of: source)
            try platforms.check(image.config, of: source.name)
            images = [image]
            return
        }
        index = bytes
        let list = try Documents.decode(Index.self, from: bytes, what: "index of \(source.name)")
        var images: [PlatformImageDocuments] = []
        for descriptor in try platforms.manifests(in: list, of: source.name) {
            images.append(try await PlatformImageDocuments(descriptor, try await source.document(descriptor), of: source))
        }
        guard !images.isEmpty else { throw ContainerdError.notAnImage(source: source.name, reason: "its index has no images") }
        self.images = images
    }
}

/// The documents of an image for one platform.
struct PlatformImageDocuments: Sendable {
    let descriptor: Descriptor
    let bytes: [UInt8]
    let manifest: Manifest
    let configBytes: [UInt8]
    let config: ImageConfig
    /// Digests of the uncompressed layers, lowest first, as many as the manifest has layers.
    let diffIDs: [Digest]
    /// Names of the committed snapshots, lowest first.
    let chainIDs: [Digest]
    /// Name of the topmost snapshot.
    let chainID: Digest

    /// Reads what a manifest leads to.
    init(_ descriptor: Descriptor, _ bytes: [UInt8], of source: any ImageSource) async throws {
        (self.descriptor, self.bytes) = (descriptor, bytes)
        manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest of \(source.name)")
        guard MediaType.isConfig(manifest.config.mediaType) else {
            throw ContainerdError.notAnImage(source: source.name, reason: "its configuration is of type \(manifest.config.mediaType)")
        }
        for layer in manifest.layers where MediaType.layerCompression(layer.mediaType) == nil {
            throw ContainerdError.notAnImage(source: source.name, reason: "layer \(layer.digest) is of type \(layer.mediaType)")
        }
        configBytes = try await source.smallBlob(manifest.config)
        config = try Documents.decode(ImageConfig.self, from: configBytes, what: "configuration of \(source.name)")
        diffIDs = config.rootfs?.diffIDs ?? []
        guard diffIDs.count == manifest.layers.count else {
            throw ContainerdError.notAnImage(
                source: source.name, reason: "\(manifest.layers.count) layers, but its configuration names \(diffIDs.count)")
        }
        chainIDs = ChainID.chain(diffIDs)
        guard let top = chainIDs.last else { throw ContainerdError.notAnImage(source: source.name, reason: "it has no layers") }
        chainID = top
    }
}

/// Names of layer stacks (OCI image specification, "config.md", Layer ChainID).
enum ChainID {
    /// The chain ID of every prefix of the layers, lowest first.
    static func chain(_ diffIDs: [Digest]) -> [Digest] {
        var chain: [Digest] = []
        for diffID in diffIDs {
            guard let below = chain.last else {
                chain.append(diffID)
                continue
            }
            chain.append(Digest.sha256(Array("\(below) \(diffID)".utf8)))
        }
        return chain
    }
}
