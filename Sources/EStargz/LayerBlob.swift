internal import Compression
internal import Digests
internal import Tar

/// Where a blob's bytes go, from one thread at a time and in order.
public protocol BlobOutput: AnyObject, Sendable {
    /// Writes all of the bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws
}

/// A blob as it grows: its position, its running digests and its TOC.
struct LayerBlob: ~Copyable {
    private let output: any BlobOutput
    private var toc = TOCSerializer()
    private var blobHasher = SHA256Hasher()
    private var contentHasher = SHA256Hasher()
    private var offset: Int64 = 0
    private var prefetchEnd: Int64 = 0
    private var contentSize: Int64 = 0

    // The file that chunks are being written of, when it has more than one: its entries, which wait for its digest, and the digest so far.
    private var openFile: [TOCEntry] = []
    private var fileHasher = SHA256Hasher()

    init(output: any BlobOutput) { self.output = output }

    /// Adds a batch's uncompressed bytes to the running digests; needs no compressed result, so it goes on while that is made.
    mutating func hashContent(_ batch: borrowing MemberBatch) {
        contentHasher.update(batch.bytes)
        contentSize += Int64(batch.bytes.count)
    }

    /// Writes a batch's members and enters them into the TOC.
    mutating func write(_ batch: borrowing MemberBatch, _ compressed: CompressedBatch) throws {
        var chunkIndex = 0
        for (index, member) in batch.members.enumerated() {
            let start = offset + Int64(compressed.starts[index])
            for item in member.items {
                switch item {
                case .entry(let entry): toc.append(entry)
                case .chunk(let chunk, let innerOffset):
                    let first = member.range.lowerBound + innerOffset
                    batch.bytes.withUnsafeBytes { bytes in
                        enter(
                            chunk, UnsafeRawBufferPointer(rebasing: bytes[first..<first + chunk.size]),
                            digest: compressed.chunkDigests[chunkIndex], offset: start, innerOffset: innerOffset)
                    }
                    chunkIndex += 1
                }
            }
        }
        try write(compressed.bytes)
    }

    /// Writes the TOC and the footer, each where the format has it.
    mutating func finish(_ format: LayerFormat, level: Int) throws -> EStargzLayer {
        switch format {
        case .estargz: return try finishEStargz(level)
        case .externalTOC(let keepsDiffID): return try finishExternal(level, keepsDiffID: keepsDiffID)
        case .zstdChunked: return try finishZstdChunked(level)
        }
    }

    private mutating func finishEStargz(_ level: Int) throws -> EStargzLayer {
        let json = toc.finish()
        let archive = TOCBlob.archive(json)
        contentHasher.update(archive)
        contentSize += Int64(archive.count)
        let tocOffset = offset
        try write(try TOCBlob.member(archive, level: level))
        try write(Footer.estargz(tocOffset: UInt64(tocOffset)).encoded())
        return layer(json, tocOffset: tocOffset)
    }

    private mutating func finishExternal(_ level: Int, keepsDiffID: Bool) throws -> EStargzLayer {
        if !keepsDiffID { try writeArchiveEnd(MemberCompressor(.gzip, level: level)) }
        let end = offset
        try write(Footer.externalTOC.encoded())
        let json = toc.finish()
        let archive = TOCBlob.archive(json)
        var layer = layer(json, tocOffset: end)
        layer.externalTOC = ExternalTOC(blob: try TOCBlob.member(archive, level: level), diffID: Digest.sha256(archive))
        return layer
    }

    private mutating func finishZstdChunked(_ level: Int) throws -> EStargzLayer {
        let compressor = try ZstdCompressor(level: level)
        try writeArchiveEnd(.zstd(compressor))
        let json = toc.finish()
        var compressed: [UInt8] = []
        json.withUnsafeBytes { compressor.frame($0, into: &compressed) }
        let manifest = ZstdChunkedFooter(
            offset: UInt64(offset) + UInt64(ZstdCompressor.skippableHeaderSize), length: UInt64(compressed.count),
            uncompressedLength: UInt64(json.count))
        try write(ZstdCompressor.skippableFrame(compressed))
        try write(ZstdCompressor.skippableFrame(manifest.encoded()))
        var layer = layer(json, tocOffset: Int64(manifest.offset))
        layer.zstdManifest = ZstdManifest(position: manifest.annotation, checksum: Digest.sha256(compressed))
        return layer
    }

    /// The two zero blocks that end an archive; where the TOC is an entry they follow that.
    private mutating func writeArchiveEnd(_ compressor: MemberCompressor) throws {
        contentHasher.update(TarWriter.end)
        contentSize += Int64(TarWriter.end.count)
        var member: [UInt8] = []
        TarWriter.end.withUnsafeBytes { compressor.member($0, into: &member) }
        try write(member)
    }

    private func layer(_ json: [UInt8], tocOffset: Int64) -> EStargzLayer {
        EStargzLayer(
            digest: blobHasher.digestSoFar(), size: offset, diffID: contentHasher.digestSoFar(), uncompressedSize: contentSize,
            tocDigest: Digest.sha256(json), tocOffset: tocOffset, prefetchEnd: prefetchEnd, tocEntryCount: toc.count)
    }

    private mutating func enter(
        _ chunk: MemberBatch.Chunk, _ content: UnsafeRawBufferPointer, digest: Digest, offset: Int64, innerOffset: Int
    ) {
        var entry = chunk.entry
        entry.offset = offset
        entry.innerOffset = Int64(innerOffset)
        entry.chunkDigest = digest
        if entry.kind == .regular, TOC.cleanName(entry.name) == TOC.prefetchLandmark { prefetchEnd = offset }
        if entry.kind == .regular, chunk.isLast {
            entry.digest = digest
            return toc.append(entry)
        }
        if entry.kind == .regular { fileHasher = SHA256Hasher() }
        fileHasher.update(content)
        openFile.append(entry)
        guard chunk.isLast else { return }
        openFile[0].digest = fileHasher.digestSoFar()
        for entry in openFile { toc.append(entry) }
        openFile = []
    }

    private mutating func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try output.write($0) }
        blobHasher.update(bytes)
        offset += Int64(bytes.count)
    }
}
