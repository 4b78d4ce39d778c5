public import ChunkStore
internal import Digests
internal import EStargz
public import OCI
public import Registry
internal import TreeImage

/// Opens a layer lazily: finds its TOC with as few requests as possible, verifies it, compiles it and puts it into the store.
///
/// A layer that is in the store needs no request at all. Otherwise one request usually does: a suffix of the blob that is likely to hold
/// footer and TOC. Verified means: the digest of the TOC's JSON is the one that the manifest's annotation names.
public struct LayerOpener: Sendable {
    private let store: LayerStore
    private let client: RegistryClient

    /// Bytes that may come before the wanted ones from a registry that knows no ranges: more would make every read a download.
    private static let mostUnwanted: UInt64 = 8 << 20

    /// An opener over a store and a registry client.
    public init(store: LayerStore, client: RegistryClient) {
        self.store = store
        self.client = client
    }

    /// Opens a layer of an image.
    ///
    /// - Parameters:
    ///   - descriptor: the layer, with the annotations of its manifest (or the same keys from snapshot labels).
    ///   - reference: the image, whose registry and repository serve the blob.
    /// - Throws: `LayerRefusal`.
    public func open(_ descriptor: Descriptor, of reference: Reference) async throws(LayerRefusal) -> LazyLayer {
        let blob = client.blob(descriptor, of: reference, mostUnwanted: LayerOpener.mostUnwanted)
        let expected = try ExpectedTOC(descriptor)
        if let stored = try stored(descriptor.digest, expected) { return LazyLayer(stored: stored, source: blob) }
        let table = try await LayerTable.read(descriptor, expected, RegistrySource(client: client, reference: reference), blob)
        let compiled = try table.compiled()
        do {
            let facts = LayerFacts(tocDigest: expected.digest, blobSize: table.blobSize, format: table.format)
            return LazyLayer(stored: try store.add(descriptor.digest, compiled, facts: facts), source: blob)
        } catch {
            throw .store("\(error)")
        }
    }

    private func stored(_ digest: Digest, _ expected: ExpectedTOC) throws(LayerRefusal) -> StoredLayer? {
        do {
            return try store.layer(digest, tocDigest: expected.digest)
        } catch {
            throw .store("\(error)")
        }
    }
}
