internal import Digests
internal import OCI

/// Writes configurations, manifests and the index of converted images. What did not change keeps its bytes, and so its digest.
struct DocumentWriter {
    let source: any ImageSource
    let delivery: BlobDelivery

    private var destination: any ImageDestination { delivery.destination }

    /// Stores everything but the tag.
    ///
    /// - Returns: the document to tag, and what became of each image.
    func write(
        _ plan: ImagePlan, layers: [Digest: ConvertedLayer]
    ) async throws -> (root: Descriptor, bytes: [UInt8], images: [ConvertedImage]) {
        var images: [ConvertedImage] = []
        var bytes: [UInt8] = []
        for image in plan.images {
            let (converted, manifestBytes) = try await write(image, layers)
            images.append(converted)
            bytes = manifestBytes
        }
        guard let (index, indexBytes, indexDescriptor) = plan.index else { return (images[0].manifest, bytes, images) }
        let copy = BlobCopy(source: source, delivery: delivery)
        for descriptor in plan.untouched { try await copy.copyDocument(descriptor) }
        let replacements = zip(plan.images, images).map { ($0.descriptor.digest, $1.manifest) }
        let (root, rootBytes) = try rewrite(index, indexBytes, indexDescriptor, Dictionary(replacements) { first, _ in first })
        try await destination.putDocument(root, bytes: rootBytes)
        return (root, rootBytes, images)
    }

    private func write(_ image: PlannedImage, _ layers: [Digest: ConvertedLayer]) async throws -> (ConvertedImage, [UInt8]) {
        var converted: [ConvertedLayer] = []
        for (index, descriptor) in image.manifest.layers.enumerated() {
            guard let layer = layers[descriptor.digest] else { preconditionFailure("\(image.name(ofLayer: index)) was not converted") }
            converted.append(try place(layer, descriptor, image, index))
        }
        let config = try await writeConfig(image, converted.map(\.diffID))
        var manifest = image.manifest
        manifest.mediaType = MediaType.manifest
        manifest.config = config
        manifest.layers = converted.map(\.result)
        var descriptor = image.descriptor
        var bytes = image.manifestBytes
        if manifest != image.manifest {
            bytes = try Documents.encode(manifest)
            descriptor = describe(bytes, MediaType.manifest, like: descriptor)
        }
        try await destination.putDocument(descriptor, bytes: bytes)
        return (ConvertedImage(platform: descriptor.platform, manifest: descriptor, layers: converted), bytes)
    }

    /// One blob may be several layers; each keeps its own annotations and must have the content that its image says.
    private func place(_ layer: ConvertedLayer, _ source: Descriptor, _ image: PlannedImage, _ index: Int) throws -> ConvertedLayer {
        var layer = layer
        guard layer.sourceDiffID == image.diffIDs[index] else {
            throw ConversionError.diffID(image.name(ofLayer: index), expected: image.diffIDs[index], actual: layer.sourceDiffID)
        }
        if source != layer.source {
            layer.result.annotations = (source.annotations ?? [:]).merging(layer.result.annotations ?? [:]) { _, new in new }
            layer.source = source
        }
        return layer
    }

    private func writeConfig(_ image: PlannedImage, _ diffIDs: [Digest]) async throws -> Descriptor {
        var descriptor = image.manifest.config
        descriptor.mediaType = MediaType.config
        var bytes = image.configBytes
        if diffIDs != image.diffIDs {
            var config = image.config
            var rootfs = config["rootfs"] ?? .object([:])
            rootfs["diff_ids"] = .array(diffIDs.map { .string($0.description) })
            config["rootfs"] = rootfs
            bytes = Documents.encode(config)
            descriptor = describe(bytes, MediaType.config, like: descriptor)
        }
        try await destination.putBlob(descriptor, bytes: bytes)
        return descriptor
    }

    private func rewrite(
        _ index: Index, _ bytes: [UInt8], _ descriptor: Descriptor, _ replacements: [Digest: Descriptor]
    ) throws -> (Descriptor, [UInt8]) {
        var result = index
        result.mediaType = MediaType.index
        result.manifests = index.manifests.map { replacements[$0.digest] ?? $0 }
        let original = try Documents.decode(Index.self, from: bytes, what: "index")
        if result == original { return (descriptor, bytes) }
        let encoded = try Documents.encode(result)
        return (describe(encoded, MediaType.index, like: descriptor), encoded)
    }

    private func describe(_ bytes: [UInt8], _ type: String, like old: Descriptor) -> Descriptor {
        var descriptor = old
        descriptor.mediaType = type
        descriptor.digest = Digest.sha256(bytes)
        descriptor.size = Int64(bytes.count)
        // An embedded copy, or another place to fetch it from, would be of the old content.
        descriptor.data = nil
        descriptor.urls = nil
        return descriptor
    }
}
