internal import OCI

/// A name in containerd that an image is written to. Content first, under a lease; the image record last: what is cut off leaves no image,
/// and its content is collected when the lease has ended.
struct ContainerdDestination: ImageDestination {
    /// With a lease.
    let containerd: Containerd
    let reference: Reference

    var name: String { ImageName.containerd(reference).description }

    /// Nothing to try: the lease was the first thing written.
    func check() async throws {}

    func ingest(_ terms: IngestTerms) async throws -> any BlobIngest {
        let upload = ContentUpload(to: containerd, budget: terms.budget)
        return StagedIngest(upload, pieceSize: upload.pieceSize, terms: terms)
    }

    func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await containerd.put(descriptor, bytes: bytes, labels: [:])
    }

    func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        let what = "document \(descriptor.digest)"
        var labels: [String: String] = [:]
        if MediaType.isIndex(descriptor.mediaType) {
            labels = ReferenceLabels.labels(ofIndexWith: try Documents.decode(Index.self, from: bytes, what: what).manifests)
        } else if MediaType.isManifest(descriptor.mediaType) {
            labels = ReferenceLabels.labels(of: try Documents.decode(Manifest.self, from: bytes, what: what))
        }
        try await containerd.put(descriptor, bytes: bytes, labels: labels)
    }

    func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await putDocument(descriptor, bytes: bytes)
        // The source's annotations may be names that it had there.
        let target = Descriptor(mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size)
        try await containerd.record(name: reference.description, target: target)
    }

    func companion(tagSuffix: String) throws -> any ImageDestination {
        guard let tag = reference.tag else { throw NoCompanionError(name: name) }
        let companion = Reference(registry: reference.registry, repository: reference.repository, tag: tag + tagSuffix)
        return ContainerdDestination(containerd: containerd, reference: companion)
    }

    /// Nothing to undo: what no image leads to is containerd's to collect.
    func abandon() async {}
}
