internal import ChunkStore
internal import Digests
internal import EStargz
internal import Metrics
internal import OCI
internal import Registry
internal import TreeImage

// A layer made of its blob's end before it is opened, and opening it then.
extension LayerOpener {
    /// Makes a layer of the TOC that a blob's end holds, as it is; nil where that is not all, or it cannot be done: whoever opens the layer says why.
    static func stage(_ digest: Digest, _ end: KnownEnd, in store: LayerStore) async -> ForeseenLayer.Staged? {
        guard let found = TOCFetch.Found(embeddedIn: end) else { return nil }
        let start = MonotonicClock.nanoseconds()
        guard let toc = try? await found.parsed().get(), let compiled = try? await found.compiled(toc) else { return nil }
        let facts = LayerFacts(
            tocDigest: await found.digest(), blobSize: found.blobSize, format: found.format, hasLandmark: toc.hasLandmark)
        let took = MonotonicClock.nanoseconds() - start
        guard let layer = try? store.stage(digest, compiled, facts: facts) else { return nil }
        returnMemory(of: compiled)
        return ForeseenLayer.Staged(layer: layer, compileNanoseconds: took)
    }

    /// A staged layer, in the store from now on if it is what the manifest promises.
    static func open(
        _ staged: ForeseenLayer.Staged, _ descriptor: Descriptor, _ expected: ExpectedTOC?, in store: LayerStore
    ) throws(LayerRefusal) -> StoredLayer {
        let facts = staged.layer.facts
        try KnownEnd.check(blobSize: facts.blobSize, descriptor)
        try expected?.check(facts.tocDigest, of: staged.layer.compression)
        do {
            return try store.add(staged.layer)
        } catch {
            throw .store("\(error)")
        }
    }
}

extension TOCFetch.Found {
    /// A TOC that is in its blob and all of which is in the blob's end; nil for any other, and for one that is damaged.
    init?(embeddedIn end: KnownEnd) {
        if let zstd = end.bytes.withUnsafeBytes({ ZstdChunkedFooter(suffix: $0) }) {
            guard let range = try? zstd.range(inBlobOf: end.blobSize), let manifest = end.part(range),
                let found = try? Self(zstd, manifest, blobSize: end.blobSize)
            else { return nil }
            self = found
            return
        }
        let offset: UInt64
        let format: String
        switch try? Footer.parse(blobEnd: end.bytes) {
        case .estargz(let start)?: (offset, format) = (start, "estargz")
        case .legacyStargz(let start)?: (offset, format) = (start, "stargz")
        case .externalTOC?, nil: return nil
        }
        guard (try? TOCBlob.range(tocOffset: offset, inBlobOf: end.blobSize)) != nil, let member = end.part(offset..<end.blobSize),
            let json = try? member.withUnsafeBytes({ try TOCBlob.extract(tocMember: $0) })
        else { return nil }
        self.init(json: json, blobSize: end.blobSize, payloadEnd: offset, compression: .gzip, format: format)
    }
}
