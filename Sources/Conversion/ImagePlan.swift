internal import Digests
internal import OCI

/// One image that is to be converted, as the source has it.
struct PlannedImage: Sendable {
    /// Its manifest's descriptor, from the index when there is one.
    var descriptor: Descriptor
    var manifestBytes: [UInt8]
    var manifest: Manifest
    var configBytes: [UInt8]
    /// The configuration, whole: what is not known here must survive.
    var config: JSONValue
    /// Digests of the uncompressed layers, as many as the manifest has layers.
    var diffIDs: [Digest]

    func name(ofLayer index: Int) -> LayerName {
        LayerName(index: index, of: manifest)
    }
}

/// What a conversion has to do: which images are converted, and what is carried over as it is.
struct ImagePlan: Sendable {
    /// The index that the result will be; nil when the result is the one image's manifest.
    var index: (value: Index, bytes: [UInt8], descriptor: Descriptor)?
    /// Images to convert.
    var images: [PlannedImage] = []
    /// Manifests of the index that are copied untouched.
    var untouched: [Descriptor] = []
}

/// Reads an image's documents and decides. Layers are only looked at by their descriptors.
struct ImagePlanner {
    let source: any ImageSource
    let platforms: PlatformChoice

    func plan() async throws -> ImagePlan {
        let (root, bytes) = try await source.root()
        if MediaType.isManifest(root.mediaType) { return ImagePlan(images: [try await single(root, bytes)]) }
        guard MediaType.isIndex(root.mediaType) else {
            throw ConversionError.notAnImage(source: source.name, mediaType: root.mediaType)
        }
        let index = try Documents.decode(Index.self, from: bytes, what: "index of \(source.name)")
        if platforms == .all { return try await everything(index, bytes, root) }
        let chosen = try platforms.manifests(in: index, of: source.name)
        var plan = ImagePlan()
        for descriptor in chosen { plan.images.append(try await chosenImage(descriptor)) }
        // Several platforms stay an index, though two of them may be one image.
        if case .listed(let platforms) = platforms, platforms.count > 1 {
            var kept = index
            kept.manifests = chosen
            plan.index = (kept, bytes, root)
        }
        return plan
    }

    // A lone manifest is what the user named; only an explicit platform can contradict it.
    private func single(_ descriptor: Descriptor, _ bytes: [UInt8]) async throws -> PlannedImage {
        guard let image = try await image(descriptor, bytes) else {
            let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest \(descriptor.digest) of \(source.name)")
            throw ConversionError.notAnImageConfig(source: source.name, mediaType: manifest.config.mediaType)
        }
        let config = try Documents.decode(ImageConfig.self, from: image.configBytes, what: "configuration of \(source.name)")
        try platforms.check(config, of: source.name)
        return image
    }

    private func chosenImage(_ descriptor: Descriptor) async throws -> PlannedImage {
        let bytes = try await source.document(descriptor)
        guard let image = try await image(descriptor, bytes) else {
            throw ConversionError.notAnImageConfig(source: source.name, mediaType: descriptor.mediaType)
        }
        return image
    }

    private func everything(_ index: Index, _ bytes: [UInt8], _ root: Descriptor) async throws -> ImagePlan {
        var plan = ImagePlan()
        plan.index = (index, bytes, root)
        for descriptor in index.manifests {
            let isImage = MediaType.isManifest(descriptor.mediaType) && descriptor.platform?.os != "unknown"
            if isImage, let image = try await image(descriptor, try await source.document(descriptor)) {
                plan.images.append(image)
            } else {
                plan.untouched.append(descriptor)
            }
        }
        return plan
    }

    /// Reads a manifest and its configuration; nil when it is an artifact and no image.
    private func image(_ descriptor: Descriptor, _ bytes: [UInt8]) async throws -> PlannedImage? {
        let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest \(descriptor.digest) of \(source.name)")
        guard MediaType.isConfig(manifest.config.mediaType) else { return nil }
        let configBytes = try await source.smallBlob(manifest.config)
        let what = "configuration \(manifest.config.digest) of \(source.name)"
        let config = try Documents.decode(JSONValue.self, from: configBytes, what: what)
        let diffIDs = try Documents.decode(ImageConfig.self, from: configBytes, what: what).rootfs?.diffIDs ?? []
        guard diffIDs.count == manifest.layers.count else {
            throw ConversionError.layerCount(source: source.name, manifest: manifest.layers.count, configuration: diffIDs.count)
        }
        return PlannedImage(
            descriptor: descriptor, manifestBytes: bytes, manifest: manifest, configBytes: configBytes, config: config, diffIDs: diffIDs)
    }
}
