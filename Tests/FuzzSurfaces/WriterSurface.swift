import Compression
import Digests
import EStargz
import Synchronization
import Tar
import TreeImage

/// The writer: whatever archive goes in, what comes out is opened by our reader, holds what was promised and gives every file back.
enum WriterSurface {
    private static let formats: [LayerFormat] = [.estargz, .zstdChunked, .externalTOC(keepsDiffID: false), .externalTOC(keepsDiffID: true)]
    private static let chunkSizes = [4 << 10, 5_000, 4 << 20, 64 << 20]
    private static let minimumSizes = [0, 1, 3_000, 100_000]

    // One for all inputs: starting threads would take longer than all the rest.
    private static let gzipPool = try? MemberPool(jobs: 2, compression: .gzip, level: 1)
    private static let zstdPool = try? MemberPool(jobs: 2, compression: .zstd, level: 1)

    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        // The last two bytes decide how it is written, so that seeds are archives.
        guard bytes.count >= 2 else { return }
        let (how, first) = (Int(bytes[bytes.count - 2]), Int(bytes[bytes.count - 1]))
        let options = EStargzWriter.Options(
            format: formats[how % 4], chunkSize: chunkSizes[how / 4 % 4], minimumChunkSize: minimumSizes[how / 16 % 4])
        let archive = UnsafeRawBufferPointer(rebasing: bytes.dropLast(2))
        try check(Array(archive), options, prioritized: first)
        try check(TarSurface.signed(archive), options, prioritized: first)
    }

    /// A layer that was written, and what was read back of it.
    struct Written {
        var layer: EStargzLayer
        var blob: [UInt8]
        /// Its whole decompression.
        var content: [UInt8]
        var toc: TOC
    }

    private static func check(_ archive: [UInt8], _ options: EStargzWriter.Options, prioritized: Int) throws {
        guard let written = try write(archive, options, prioritized: prioritized) else { return }
        let layer = written.layer
        try promise(layer.digest == Digest.sha256(written.blob) && layer.size == written.blob.count, "the blob has the digest that is told")
        try promise(layer.diffID == Digest.sha256(written.content), "the decompression has the digest that is told")
        try promise(layer.uncompressedSize == written.content.count, "the decompression has the size that is told")
        try promise(layer.tocEntryCount == written.toc.entries.count, "the TOC has as many entries as is told")
        if options.format.keepsDiffID { try promise(written.content == archive, "the source's bytes are kept") }
        try compare(written.toc, archive, isWhole: options.format.keepsDiffID)
        try CompiledSurface.check(written.toc, blobSize: UInt64(layer.size), payloadEnd: UInt64(layer.tocOffset))
        try readBack(written, compression: options.format.compression)
    }

    /// Writes an archive; nil when it is refused.
    ///
    /// - Parameter prioritized: how many entries come before the landmark; 0 for a layer without prioritized files.
    static func write(_ archive: [UInt8], _ options: EStargzWriter.Options, prioritized: Int = 0) throws -> Written? {
        guard let pool = options.format.compression == .gzip ? gzipPool : zstdPool else { throw BrokenPromise(description: "no threads") }
        let output = BlobInMemory()
        let layer = try archive.withUnsafeBytes { archive in
            try accepted {
                let writer = try EStargzWriter(options: options, pool: pool, output: output)
                let reader = TarReader(MemoryInput(archive, step: 1 << 20))
                if prioritized == 0 || options.format.keepsDiffID {
                    try writer.appendArchive(reader)
                } else {
                    try append(reader, to: writer, prioritized)
                }
                try reader.withTail { if options.format.keepsDiffID { try writer.appendTail($0) } }
                return try writer.finish()
            }
        }
        guard let layer else { return nil }
        let blob = output.bytes
        let algorithm: Algorithm = options.format.compression == .gzip ? .gzip : .zstd
        let content = try decompressed(blob, algorithm)
        guard let json = try accepted({ try json(of: layer, blob, options.format) }) else {
            throw BrokenPromise(description: "the TOC of what was written is found")
        }
        try promise(Digest.sha256(json) == layer.tocDigest, "the TOC has the digest that is told")
        guard let toc = try accepted({ try json.withUnsafeBytes { try TOCParser.parse($0) } }) else {
            throw BrokenPromise(description: "the TOC of what was written is read")
        }
        return Written(layer: layer, blob: blob, content: content, toc: toc)
    }

    private static func append(_ reader: TarReader, to writer: EStargzWriter, _ prioritized: Int) throws {
        var left = prioritized
        while let entry = try reader.next() {
            if TOC.isInternalName(TOC.cleanName(entry.name)) { continue }
            if left == 0 { try writer.appendLandmark(prefetch: true) }
            left -= 1
            try writer.append(entry, payload: reader)
        }
        if left >= 0 { try writer.appendLandmark(prefetch: true) }
    }

    private static func decompressed(_ blob: [UInt8], _ algorithm: Algorithm) throws -> [UInt8] {
        var rest = blob[...]
        var content: [UInt8] = []
        let isWhole = try accepted {
            let reader = try DecompressingReader(algorithm: algorithm) { buffer in
                let piece = rest.prefix(buffer.count)
                buffer.copyBytes(from: piece)
                rest = rest.dropFirst(piece.count)
                return piece.count
            }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while case let count = try buffer.withUnsafeMutableBytes({ try reader.read(into: $0) }), count > 0 {
                content += buffer[..<count]
            }
            return true
        }
        try promise(isWhole == true, "the blob decompresses to its end")
        return content
    }

    /// The TOC's JSON, found as a reader finds it.
    private static func json(of layer: EStargzLayer, _ blob: [UInt8], _ format: LayerFormat) throws -> [UInt8] {
        func part(_ range: Range<UInt64>) -> ArraySlice<UInt8> { blob[Int(range.lowerBound)..<Int(range.upperBound)] }
        switch format {
        case .estargz:
            try promise(Footer.parse(blobEnd: blob) == .estargz(tocOffset: UInt64(layer.tocOffset)), "the footer leads to the TOC")
            let member = part(try TOCBlob.range(tocOffset: UInt64(layer.tocOffset), inBlobOf: UInt64(blob.count)))
            return try member.withUnsafeBytes { Array(try TOCBlob.extract(tocMember: $0)) }
        case .externalTOC:
            try promise(Footer.parse(blobEnd: blob) == .externalTOC, "the footer says that the TOC is elsewhere")
            guard let external = layer.externalTOC else { throw BrokenPromise(description: "an external TOC is told") }
            try promise(Digest.sha256(decompressed(external.blob, .gzip)) == external.diffID, "the TOC's layer has the digest that is told")
            return try external.blob.withUnsafeBytes { Array(try TOCBlob.extract(tocMember: $0)) }
        case .zstdChunked:
            let footer = blob.withUnsafeBytes { ZstdChunkedFooter(suffix: $0) }
            guard let footer, let manifest = layer.zstdManifest else { throw BrokenPromise(description: "the footer is there, and told") }
            try promise(ZstdChunkedFooter(annotation: manifest.position) == footer, "footer and annotation say the same")
            let frame = part(try footer.range(inBlobOf: UInt64(blob.count)))
            try promise(Digest.sha256(Array(frame)) == manifest.checksum, "the compressed TOC has the digest that is told")
            var json = [UInt8](repeating: 0, count: Int(footer.uncompressedLength))
            let count = try json.withUnsafeMutableBytes { json in
                try frame.withUnsafeBytes { try ZstdDecompressor().decompress($0, into: json) }
            }
            try promise(count == json.count, "the TOC has the size that is told")
            return json
        }
    }

    /// Holds the TOC's files against those of the archive: names, sizes, digests.
    private static func compare(_ toc: TOC, _ archive: [UInt8], isWhole: Bool) throws {
        var listed = toc.entries.filter { $0.kind == .regular && (isWhole || !TOC.isInternalName(TOC.cleanName($0.name))) }[...]
        try archive.withUnsafeBytes { archive in
            let reader = TarReader(MemoryInput(archive, step: 1 << 20))
            while let entry = try reader.next() {
                guard entry.kind == .regular, isWhole || !TOC.isInternalName(TOC.cleanName(entry.name)) else { continue }
                var hasher = SHA256Hasher()
                while try reader.withPayload(atMost: 1 << 20, { hasher.update($0) }) != nil {}
                guard let file = listed.popFirst() else { throw BrokenPromise(description: "every file is in the TOC") }
                try promise(file.name == entry.name && file.size == entry.size, "a file is in the TOC as the archive has it")
                try promise(file.digest == hasher.finalize(), "a file has its digest in the TOC")
            }
        }
        try promise(listed.isEmpty, "the TOC has no file that the archive has not")
    }

    /// Compiles the table of chunks alone, which cannot be refused for the names that an archive has, and reads every chunk by it.
    private static func readBack(_ written: Written, compression: MemberCompression) throws {
        var files = TOC()
        for entry in written.toc.entries where entry.kind == .regular || entry.kind == .chunk {
            var file = TOCEntry(name: "", kind: entry.kind)
            file.name = entry.kind == .chunk ? files.entries.last?.name ?? "" : "f\(files.entries.count)"
            (file.size, file.offset, file.innerOffset) = (entry.size, entry.offset, entry.innerOffset)
            (file.chunkOffset, file.chunkSize, file.chunkDigest) = (entry.chunkOffset, entry.chunkSize, entry.chunkDigest)
            files.entries.append(file)
        }
        let (blobSize, end) = (UInt64(written.layer.size), UInt64(written.layer.tocOffset))
        let compiled = try accepted {
            try LayerCompiler.compile(
                toc: files, blobSize: blobSize, payloadEnd: end, compression: compression == .gzip ? .gzip : .zstd)
        }
        guard let compiled else { throw BrokenPromise(description: "the chunks of what was written fit together") }
        let file = try MemoryFile(compiled.chunkMap)
        guard let map = try accepted({ try ChunkMap(path: file.path) }) else {
            throw BrokenPromise(description: "what was compiled can be opened")
        }
        for index in 0..<map.count {
            let chunk = map.chunk(index)
            let span = written.blob[Int(chunk.blobOffset)..<Int(chunk.blobOffset + chunk.blobLength)]
            guard let member = try accepted({ try front(of: span, Int(chunk.innerOffset + chunk.size), compression) }) else {
                throw BrokenPromise(description: "a chunk's member can be decompressed")
            }
            try promise(Digest.sha256(Array(member[Int(chunk.innerOffset)...])) == chunk.digest, "a chunk read alone has its digest")
        }
    }

    /// The first bytes of a member's content.
    private static func front(of span: ArraySlice<UInt8>, _ size: Int, _ compression: MemberCompression) throws -> [UInt8] {
        guard compression == .gzip else {
            return try span.withUnsafeBytes { try GzipSurface.stream(.zstd, $0, inputStep: 1 << 20, room: size) }
        }
        var output = [UInt8](repeating: 0, count: size)
        try span.withUnsafeBytes { span in
            try output.withUnsafeMutableBytes { try GzipDecompressor().decompressPrefix(of: span, into: $0) }
        }
        return output
    }
}

/// A blob as it is written.
private final class BlobInMemory: BlobOutput {
    private let state = Mutex<[UInt8]>([])

    var bytes: [UInt8] { state.withLock { $0 } }

    func write(_ bytes: UnsafeRawBufferPointer) throws { state.withLock { $0.append(contentsOf: bytes) } }
}
