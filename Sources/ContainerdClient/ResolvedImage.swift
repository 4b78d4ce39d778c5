internal import Digests
internal import OCI

/// An image's documents, and what follows from them.
struct ResolvedImage: Sendable {
    /// The top document: what the image record points to.
    let target: Descriptor
    /// Bytes of the index; nil when the top document is the manifest.
    let index: [UInt8]?
    let manifestDescriptor: Descriptor
    let manifestBytes: [UInt8]
    let manifest: Manifest
    let configBytes: [UInt8]
    /// Digests of the uncompressed layers, lowest first, as many as the manifest has layers.
    let diffIDs: [Digest]
    /// Names of the committed snapshots, lowest first.
    let chainIDs: [Digest]
    /// Name of the topmost snapshot.
    let chainID: Digest

    /// Reads the documents of the image for a platform.
    init(source: any ImageSource, platform: Platform) async throws {
        let image = try await PlatformImage(source: source, platform: platform)
        (target, index) = (image.target, image.index)
        (manifestDescriptor, manifestBytes, manifest) = (image.descriptor, image.bytes, image.manifest)
        guard MediaType.isConfig(manifest.config.mediaType) else {
            throw ContainerdError.notAnImage(source: source.name, reason: "its configuration is of type \(manifest.config.mediaType)")
        }
        for layer in manifest.layers where MediaType.layerCompression(layer.mediaType) == nil {
            throw ContainerdError.notAnImage(source: source.name, reason: "layer \(layer.digest) is of type \(layer.mediaType)")
        }
        configBytes = try await source.smallBlob(manifest.config)
        let config = try Documents.decode(ImageConfig.self, from: configBytes, what: "configuration of \(source.name)")
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
