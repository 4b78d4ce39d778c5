import ChunkStore
import Compression
import Digests
import EStargz
import Glibc
import HostSystem
import TestSupport
import TreeImage

/// A fixture image's layer, compiled from its own TOC.
struct CompiledFixture {
    let image: FixtureImage
    let toc: TOC
    let tocDigest: Digest
    let compiled: CompiledLayer
    private let algorithm: Algorithm

    /// The variants of the fixture; the second archive holds an external TOC.
    static let variants = [
        ("a-estargz.tar", nil), ("a-minchunk.tar", nil), ("a-exttoc.tar", "a-exttoc-esgztoc.tar"),
        ("a-keepdiff.tar", "a-keepdiff-esgztoc.tar"), ("a-zstdchunked.tar", nil),
    ]

    init(_ variant: (image: String, toc: String?)) throws {
        image = try FixtureImage(archive: Fixtures.path(variant.image))
        let (json, payloadEnd, compression) = try CompiledFixture.toc(of: image.blob, external: variant.toc)
        tocDigest = Digest.sha256(json)
        toc = try json.withUnsafeBytes { try TOCParser.parse($0) }
        compiled = try LayerCompiler.compile(
            toc: toc, blobSize: UInt64(image.blob.count), payloadEnd: payloadEnd, compression: compression)
        algorithm = compression == .zstd ? .zstd : .gzip
    }

    private static func toc(of blob: [UInt8], external: String?) throws -> (json: [UInt8], payloadEnd: UInt64, ChunkCompression) {
        if let footer = blob.withUnsafeBytes({ ZstdChunkedFooter(suffix: $0) }) {
            let frame = blob[Int(footer.offset)..<Int(footer.offset + footer.length)]
            return (try decompress(Array(frame), .zstd, size: Int(footer.uncompressedLength)), footer.offset, .zstd)
        }
        if case .estargz(let offset) = try blob.withUnsafeBytes({ try Footer.parse(suffix: $0) }) {
            return (try Array(blob[Int(offset)...]).withUnsafeBytes { Array(try TOCBlob.extract(tocMember: $0)) }, offset, .gzip)
        }
        let image = try FixtureImage(archive: Fixtures.path(external ?? "no TOC image given"))
        return (try image.blob.withUnsafeBytes { Array(try TOCBlob.extract(tocMember: $0)) }, UInt64(blob.count), .gzip)
    }

    /// The first `size` bytes of the content of some members or frames.
    private static func decompress(_ bytes: [UInt8], _ algorithm: Algorithm, size: Int) throws -> [UInt8] {
        var rest = bytes[...]
        let reader = try DecompressingReader(algorithm: algorithm) { buffer in
            let piece = rest.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
        var content = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = try content.withUnsafeMutableBytes { try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...])) }
            guard count > 0 else { throw CompressionError.truncated(algorithm) }
            filled += count
        }
        return content
    }

    /// Writes tree, chunk map and the whole content below a directory, every chunk verified.
    func materialize(in directory: String) throws {
        try AtomicFile.write(compiled.erofs, to: directory + "/tree.erofs")
        try AtomicFile.write(compiled.chunkMap, to: directory + "/chunks")
        let map = try ChunkMap(path: directory + "/chunks")
        var content = [UInt8](repeating: 0, count: Int(map.contentSize))
        for index in 0..<map.count {
            let chunk = map.chunk(index)
            let span = Array(image.blob[Int(chunk.blobOffset)..<Int(chunk.blobOffset + chunk.blobLength)])
            let member = try CompiledFixture.decompress(span, algorithm, size: Int(chunk.innerOffset + chunk.size))
            let bytes = Array(member[Int(chunk.innerOffset)...])
            guard Digest.sha256(bytes) == chunk.digest else { throw TreeImageError.tree("chunk \(index) has the wrong digest") }
            content.replaceSubrange(Int(chunk.contentOffset)..<Int(chunk.contentOffset) + bytes.count, with: bytes)
        }
        try AtomicFile.write(content, to: directory + "/content")
    }
}
