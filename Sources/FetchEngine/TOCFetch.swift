internal import Compression
internal import Digests
internal import EStargz
internal import Metrics
internal import OCI
internal import TreeImage

/// Finds the TOC of one layer, wherever its format keeps it: at the end of the blob, in an image of its own, or where an annotation points.
struct TOCFetch {
    let source: any ImageSource
    let blob: any BlobRanges
    let descriptor: Descriptor
    /// The blob's end, when it is here already.
    let known: KnownEnd?

    /// A TOC's JSON, not yet verified, and what the chunk table must fit in.
    struct Found {
        var json: ArraySlice<UInt8>
        var blobSize: UInt64
        var payloadEnd: UInt64
        var compression: ChunkCompression
        var format: String
        /// How long the blob's end took to come; nil when it was here, or was not needed.
        var endNanoseconds: UInt64?

        /// Digest of the JSON.
        func digest() async -> Digest { json.withUnsafeBytes { Digest.sha256($0) } }

        /// The table that the JSON is.
        func parsed() async -> Result<TOC, LayerRefusal> {
            do {
                return .success(try await TOCParser.parse(sharing: json))
            } catch {
                return .failure(.badTOC("\(error)"))
            }
        }

        /// The tree and the chunk map that a table makes.
        func compiled(_ toc: TOC) async throws(LayerRefusal) -> CompiledLayer {
            do {
                return try await LayerCompiler.compileOnTwoThreads(
                    toc: toc, blobSize: blobSize, payloadEnd: payloadEnd, compression: compression)
            } catch {
                throw .badTOC("\(error)")
            }
        }
    }

    // TOCs take 0.5 to 1.5 percent of their blob. Too little costs a round trip; too much costs the time of its bytes, which on a slow link
    // is soon more than that.
    private static func guessedSuffix(of size: UInt64) -> UInt64 { min(size, max(64 << 10, min(size / 128, 768 << 10))) }
    private static let suffixOfUnknown: UInt64 = 512 << 10

    func find() async throws(LayerRefusal) -> Found {
        if let position = descriptor.annotations?[Annotation.zstdChunkedPosition] {
            return try await zstdChunked(footer { () throws(FormatError) in try ZstdChunkedFooter(annotation: position) }, known)
        }
        let start = MonotonicClock.nanoseconds()
        let (suffix, size) = try await end()
        let took = MonotonicClock.nanoseconds() - start
        var found = try await table(suffix, size)
        if known == nil { found.endNanoseconds = took }
        return found
    }

    private func table(_ suffix: [UInt8], _ size: UInt64) async throws(LayerRefusal) -> Found {
        if let zstd = suffix.withUnsafeBytes({ ZstdChunkedFooter(suffix: $0) }) {
            return try await zstdChunked(zstd, KnownEnd(bytes: suffix, blobSize: size))
        }
        switch try footer({ () throws(FormatError) in try Footer.parse(blobEnd: suffix) }) {
        case .estargz(let offset): return try await embedded(offset, suffix, size, "estargz")
        case .legacyStargz(let offset): return try await embedded(offset, suffix, size, "stargz")
        case .externalTOC: return try await external(size)
        }
    }

    /// The blob's last bytes and its size. Snapshot labels do not tell the size; then the registry does, in the same answer.
    private func end() async throws(LayerRefusal) -> (suffix: [UInt8], size: UInt64) {
        if let known {
            try KnownEnd.check(blobSize: known.blobSize, descriptor)
            return (known.bytes, known.blobSize)
        }
        do {
            let hint = OpeningHint(descriptor)
            guard descriptor.size > 0 else {
                let count = hint.map { $0.blobSize - $0.tocOffset } ?? TOCFetch.suffixOfUnknown
                let (suffix, size) = try await blob.readSuffix(Int(count))
                return (suffix, size)
            }
            let size = UInt64(descriptor.size)
            let start = hint?.tocOffset ?? size - TOCFetch.guessedSuffix(of: size)
            return (try await blob.read(start..<size), size)
        } catch {
            throw .registry("\(error)")
        }
    }

    private func embedded(_ offset: UInt64, _ suffix: [UInt8], _ size: UInt64, _ format: String) async throws(LayerRefusal) -> Found {
        let suffixStart = size - UInt64(suffix.count)
        try claim { () throws(FormatError) in _ = try TOCBlob.range(tocOffset: offset, inBlobOf: size) }
        var member = suffix
        if offset < suffixStart {
            member = try await read(offset..<suffixStart) + suffix
        } else {
            member.removeFirst(Int(offset - suffixStart))
        }
        let json = try extract(member)
        return Found(json: json, blobSize: size, payloadEnd: offset, compression: .gzip, format: format)
    }

    // The TOC image has the reference's tag and "-esgztoc"; one of its layers names this layer in an annotation.
    private func external(_ size: UInt64) async throws(LayerRefusal) -> Found {
        do {
            let image = try source.companion(tagSuffix: "-esgztoc")
            let manifest = try Documents.decode(Manifest.self, from: try await image.root().1, what: "manifest of \(image.name)")
            let layer = manifest.layers.first { $0.annotations?[Annotation.externalTOCLayerDigest] == descriptor.digest.description }
            guard let layer else { throw LayerRefusal.notLazyFormat("\(image.name) holds no TOC for it") }
            guard layer.size > 0, layer.size <= Int64(TOCParser.maximumSize) else {
                throw LayerRefusal.badTOC("TOC blob of \(layer.size) bytes")
            }
            let bytes = try await image.ranges(layer).read(0..<UInt64(layer.size))
            guard Digest.sha256(bytes) == layer.digest else { throw LayerRefusal.badTOC("the TOC blob \(layer.digest) has another digest") }
            return Found(json: try extract(bytes), blobSize: size, payloadEnd: size, compression: .gzip, format: "estargz-external-toc")
        } catch let refusal as LayerRefusal {
            throw refusal
        } catch let error as NoCompanionError {
            throw .notLazyFormat("\(error)")
        } catch {
            throw .registry("\(error)")
        }
    }

    /// - Parameter end: what is here of the blob.
    private func zstdChunked(_ footer: ZstdChunkedFooter, _ end: KnownEnd?) async throws(LayerRefusal) -> Found {
        // The footer's own frame follows, so the blob is at least this long.
        let size =
            descriptor.size > 0
            ? UInt64(descriptor.size) : end?.blobSize ?? footer.offset.addingReportingOverflow(footer.length).partialValue
        let range = try claim { () throws(FormatError) in try footer.range(inBlobOf: size) }
        let compressed: [UInt8] = if let part = end?.part(range) { part } else { try await read(range) }
        if let text = descriptor.annotations?[Annotation.zstdChunkedChecksum], Digest.sha256(compressed).description != text {
            throw .badTOC("the zstd:chunked manifest does not have the digest \(text) of the annotation")
        }
        do {
            return try Found(footer, compressed, blobSize: size)
        } catch {
            throw .badTOC("\(error)")
        }
    }

    private func extract(_ member: [UInt8]) throws(LayerRefusal) -> ArraySlice<UInt8> {
        do {
            return try member.withUnsafeBytes { bytes throws(FormatError) in try TOCBlob.extract(tocMember: bytes) }
        } catch {
            throw .badTOC("\(error)")
        }
    }

    private func footer<Value>(_ parse: () throws(FormatError) -> Value) throws(LayerRefusal) -> Value {
        do {
            return try parse()
        } catch {
            throw .notLazyFormat("\(error)")
        }
    }

    /// What a footer claims, checked before it is followed.
    private func claim<Value>(_ check: () throws(FormatError) -> Value) throws(LayerRefusal) -> Value {
        do {
            return try check()
        } catch {
            throw .badTOC("\(error)")
        }
    }

    private func read(_ range: Range<UInt64>) async throws(LayerRefusal) -> [UInt8] {
        do {
            return try await blob.read(range)
        } catch {
            throw .registry("\(error)")
        }
    }
}

extension TOCFetch.Found {
    /// The manifest of a zstd:chunked blob.
    ///
    /// - Parameter compressed: all of it, as it is in the blob.
    /// - Throws: `CompressionError`.
    init(_ footer: ZstdChunkedFooter, _ compressed: [UInt8], blobSize: UInt64) throws {
        var json = [UInt8](repeating: 0, count: Int(footer.uncompressedLength))
        let decompressor = try ZstdDecompressor()
        let count = try compressed.withUnsafeBytes { input in
            try json.withUnsafeMutableBytes { try decompressor.decompress(input, into: $0) }
        }
        json.removeLast(json.count - count)
        self.init(json: json[...], blobSize: blobSize, payloadEnd: footer.offset, compression: .zstd, format: "zstd:chunked")
    }
}
