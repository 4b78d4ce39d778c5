internal import Digests
internal import EStargz
internal import OCI

/// The image that holds the TOCs of layers which have theirs outside: named like theirs with `-esgztoc` behind the tag, one layer for each,
/// which says in an annotation whose TOC it is (stargz-snapshotter, "external TOC").
struct TOCImage {
    /// Put behind the tag.
    static let tagSuffix = "-esgztoc"

    let destination: any ImageDestination

    /// Stores and tags the image.
    func write(_ layers: [ConvertedLayer]) async throws {
        // As the reference writes it: readers look at the layers only.
        let configBytes = Array("{}".utf8)
        let config = Descriptor(of: configBytes, mediaType: MediaType.config)
        try await destination.putBlob(config, bytes: configBytes)
        var descriptors: [Descriptor] = []
        var seen: Set<Digest> = []
        for layer in layers where seen.insert(layer.result.digest).inserted {
            guard let toc = layer.externalTOC else { continue }
            var blob = Descriptor(of: toc.blob, mediaType: MediaType.layerGzip)
            try await destination.putBlob(blob, bytes: toc.blob)
            blob.annotations = [Annotation.externalTOCLayerDigest: layer.result.digest.description]
            descriptors.append(blob)
        }
        let bytes = try Documents.encode(Manifest(config: config, layers: descriptors))
        let manifest = Descriptor(of: bytes, mediaType: MediaType.manifest)
        try await destination.putDocument(manifest, bytes: bytes)
        try await destination.tag(manifest, bytes: bytes)
    }
}
