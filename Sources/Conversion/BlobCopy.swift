internal import OCI

/// Copies blobs as they are.
struct BlobCopy: Sendable {
    let source: any ImageSource
    let delivery: BlobDelivery

    /// Bytes that wait here, beyond what the destination wants at once: a blob that it is known not to have gains nothing from waiting.
    static let limit: Int64 = 0

    /// Copies a blob unless it is there; says whether it was.
    ///
    /// - Parameter report: is told of the bytes read so far.
    func copy(
        _ descriptor: Descriptor, through opening: BlobDelivery.Opening, report: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws -> Bool {
        try await delivery.deliver(through: opening) { [source] opening in
            try await opening.ingest.take(descriptor) { WatchedStream(try await source.blob(descriptor), report: report) }
        }
    }

    /// Copies a manifest or index with everything that it refers to.
    ///
    /// - Parameter depth: how many more indexes may be nested.
    func copyDocument(_ descriptor: Descriptor, depth: Int = 4) async throws {
        guard depth > 0 else { throw ConversionError.tooDeep(source: source.name) }
        let bytes = try await source.document(descriptor)
        if MediaType.isIndex(descriptor.mediaType) {
            let index = try Documents.decode(Index.self, from: bytes, what: "index \(descriptor.digest)")
            for child in index.manifests { try await copyDocument(child, depth: depth - 1) }
        } else {
            let manifest = try Documents.decode(Manifest.self, from: bytes, what: "manifest \(descriptor.digest)")
            for blob in [manifest.config] + manifest.layers {
                _ = try await copy(blob, through: delivery.open(limit: BlobCopy.limit))
            }
        }
        try await delivery.destination.putDocument(descriptor, bytes: bytes)
    }
}
