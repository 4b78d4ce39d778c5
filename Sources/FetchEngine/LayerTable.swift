public import ChunkStore
public import Digests
public import EStargz
public import OCI
public import TreeImage

/// A layer's TOC, fetched by ranges, verified and parsed.
public struct LayerTable: Sendable {
    /// The table.
    public let toc: TOC
    /// Digest of its JSON.
    public let digest: Digest
    /// Size of its JSON in bytes.
    public let jsonSize: Int
    /// Size of the blob in bytes.
    public let blobSize: UInt64
    /// Where the last payload's member ends at the latest.
    public let payloadEnd: UInt64
    /// Compression of the members.
    public let compression: ChunkCompression
    /// Name of the format: `estargz`, `stargz`, `estargz-external-toc` or `zstd:chunked`.
    public let format: String

    /// Reads the table of a layer of an image.
    ///
    /// - Parameters:
    ///   - descriptor: the layer, with the annotations of its manifest.
    ///   - mustVerify: whether a layer without a TOC digest is refused; else what is found is taken as it is.
    /// - Throws: `LayerRefusal`.
    public static func read(
        _ descriptor: Descriptor, of source: any ImageSource, mustVerify: Bool = true
    ) async throws(LayerRefusal) -> LayerTable {
        let expected: ExpectedTOC?
        do {
            expected = try ExpectedTOC(descriptor)
        } catch {
            guard case .notVerifiable = error, !mustVerify else { throw error }
            expected = nil
        }
        let blob: any BlobRanges
        do {
            blob = try await source.ranges(descriptor)
        } catch {
            throw .registry("\(error)")
        }
        let found = try await TOCFetch(source: source, blob: blob, descriptor: descriptor, known: nil).find()
        // The digest and the parser take as long as each other. What was parsed counts once the digest is right.
        async let hashed = found.digest()
        let parsed = await found.parsed()
        let digest = await hashed
        try expected?.check(digest, of: found.compression)
        return LayerTable(
            toc: try parsed.get(), digest: digest, jsonSize: found.json.count, blobSize: found.blobSize, payloadEnd: found.payloadEnd,
            compression: found.compression, format: found.format)
    }

    /// What the store remembers of it.
    public var facts: LayerFacts {
        LayerFacts(tocDigest: digest, blobSize: blobSize, format: format, hasLandmark: toc.hasLandmark)
    }

    /// The layer's tree and chunk map.
    ///
    /// - Throws: `LayerRefusal.badTOC`, with the entry that is wrong.
    public func compiled() throws(LayerRefusal) -> CompiledLayer {
        do {
            return try LayerCompiler.compile(toc: toc, blobSize: blobSize, payloadEnd: payloadEnd, compression: compression)
        } catch {
            throw .badTOC("\(error)")
        }
    }
}

/// What the manifest promises about the TOC.
enum ExpectedTOC {
    /// Digest of the JSON (eStargz).
    case json(Digest)
    /// Digest of the compressed manifest (zstd:chunked); checked where it is fetched.
    case zstdChunked(Digest)

    /// Reads a descriptor's annotations.
    init(_ descriptor: Descriptor) throws(LayerRefusal) {
        func digest(_ key: String) throws(LayerRefusal) -> Digest? {
            guard let text = descriptor.annotations?[key] else { return nil }
            do {
                return try Digest(parsing: text)
            } catch {
                throw .badTOC("annotation \(key): \(error)")
            }
        }
        if let json = try digest(Annotation.tocDigest) {
            self = .json(json)
        } else if let compressed = try digest(Annotation.zstdChunkedChecksum) {
            self = .zstdChunked(compressed)
        } else {
            throw .notVerifiable
        }
    }

    /// Whether it is about what a compiled layer remembers; else the compressed bytes must be seen.
    var isOfJSON: Bool { if case .json = self { true } else { false } }

    /// Compares with what came. Where it is the compressed TOC whose digest is promised, that was done when it was fetched, if it is one of those:
    /// whoever keeps the blob could have put a TOC of the other kind behind it, of which nothing is promised.
    func check(_ actual: Digest, of compression: ChunkCompression) throws(LayerRefusal) {
        switch self {
        case .json(let wanted): if actual != wanted { throw .tocDigestMismatch(expected: wanted, actual: actual) }
        case .zstdChunked: if compression != .zstd { throw .badTOC("not the zstd:chunked manifest whose digest the image names") }
        }
    }

    var digest: Digest {
        switch self {
        case .json(let digest), .zstdChunked(let digest): digest
        }
    }
}
