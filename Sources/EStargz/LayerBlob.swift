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
    private var toc = TOC()
    private var blobHasher = SHA256Hasher()
    private var contentHasher = SHA256Hasher()
    private var offset: Int64 = 0
    private var contentSize: Int64 = 0

    // The file that chunks are being written of, when it has more than one: the index of its TOC entry and its digest so far.
    private var openFile: Int?
    private var fileHasher = SHA256Hasher()

    init(output: any BlobOutput) { self.output = output }

    /// Adds a batch's uncompressed bytes to the running digests; needs no compressed result, so it goes on while that is made.
    mutating func hashContent(_ batch: borrowing MemberBatch) {
        contentHasher.update(batch.bytes)
        contentSize += Int64(batch.bytes.count)
    }

    /// Writes a batch's members and enters them into the TOC.
    mutating func write(_ batch: borrowing MemberBatch, _ compressed: CompressedBatch) throws {
        for (index, member) in batch.members.enumerated() {
            if let chunk = member.chunk {
                let content = member.range.lowerBound..<member.range.lowerBound + chunk.size
                batch.bytes.withUnsafeBytes { bytes in
                    enter(
                        chunk, UnsafeRawBufferPointer(rebasing: bytes[content]), digest: compressed.chunkDigests[index],
                        offset: offset + Int64(compressed.starts[index]))
                }
            }
            toc.entries.append(contentsOf: member.entries)
        }
        try write(compressed.bytes)
    }

    /// Writes the TOC and the footer.
    mutating func finish(level: Int) throws -> EStargzLayer {
        let tocOffset = offset
        let json = TOCSerializer.json(toc)
        let tocDigest = Digest.sha256(json)
        var archive = TarWriter.header(name: TOC.entryName, size: Int64(json.count))
        archive += json
        archive += TarWriter.padding(afterSize: Int64(json.count)) + TarWriter.end
        contentHasher.update(archive)
        contentSize += Int64(archive.count)

        var member: [UInt8] = []
        try archive.withUnsafeBytes { try GzipCompressor(level: level).member($0, into: &member) }
        try write(member)
        try write(Footer.estargz(tocOffset: UInt64(tocOffset)).encoded())
        return EStargzLayer(
            digest: blobHasher.digestSoFar(), size: offset, diffID: contentHasher.digestSoFar(), uncompressedSize: contentSize,
            tocDigest: tocDigest, tocOffset: tocOffset, tocEntryCount: toc.entries.count)
    }

    private mutating func enter(_ chunk: MemberBatch.Chunk, _ content: UnsafeRawBufferPointer, digest: Digest?, offset: Int64) {
        var entry = chunk.entry
        entry.offset = offset
        entry.chunkDigest = digest
        if entry.kind == .regular {
            if chunk.isLast {
                entry.digest = digest
            } else {
                openFile = toc.entries.count
                fileHasher = SHA256Hasher()
                fileHasher.update(content)
            }
        } else if let file = openFile {
            fileHasher.update(content)
            if chunk.isLast {
                toc.entries[file].digest = fileHasher.digestSoFar()
                openFile = nil
            }
        }
        toc.entries.append(entry)
    }

    private mutating func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try output.write($0) }
        blobHasher.update(bytes)
        offset += Int64(bytes.count)
    }
}
