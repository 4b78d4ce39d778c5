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
        let blob = client.blob(descriptor, of: reference)
        let expected = try expectedTOCDigest(descriptor)
        if let stored = try stored(descriptor.digest, expected) { return LazyLayer(stored: stored, source: blob) }
        let found = try await TOCFetch(client: client, blob: blob, descriptor: descriptor, reference: reference).find()
        if case .json(let wanted) = expected {
            let actual = Digest.sha256(found.json)
            guard actual == wanted else { throw .tocDigestMismatch(expected: wanted, actual: actual) }
        }
        let compiled: CompiledLayer
        do {
            let toc = try found.json.withUnsafeBytes { json throws(FormatError) in try TOCParser.parse(json) }
            compiled = try LayerCompiler.compile(
                toc: toc, blobSize: found.blobSize, payloadEnd: found.payloadEnd, compression: found.compression)
        } catch {
            throw .badTOC("\(error)")
        }
        do {
            let facts = LayerFacts(tocDigest: expected.digest, blobSize: found.blobSize, format: found.format)
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

    private func expectedTOCDigest(_ descriptor: Descriptor) throws(LayerRefusal) -> ExpectedTOC {
        func digest(_ key: String) throws(LayerRefusal) -> Digest? {
            guard let text = descriptor.annotations?[key] else { return nil }
            do {
                return try Digest(parsing: text)
            } catch {
                throw .badTOC("annotation \(key): \(error)")
            }
        }
        if let json = try digest(Annotation.tocDigest) { return .json(json) }
        if let compressed = try digest(Annotation.zstdChunkedChecksum) { return .zstdChunked(compressed) }
        throw .notVerifiable
    }
}

/// What the manifest promises about the TOC.
enum ExpectedTOC {
    /// Digest of the JSON (eStargz).
    case json(Digest)
    /// Digest of the compressed manifest (zstd:chunked); checked where it is fetched.
    case zstdChunked(Digest)

    var digest: Digest {
        switch self {
        case .json(let digest), .zstdChunked(let digest): digest
        }
    }
}
