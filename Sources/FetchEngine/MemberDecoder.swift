internal import Compression
internal import TreeImage

/// Decompresses members into the chunks that they hold. One per worker thread; its buffer is reused.
final class MemberDecoder {
    private let gzip: GzipDecompressor?
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var decoded: (first: Int, size: Int)?

    /// Uncompressed bytes of a member that are decoded at most: 16 times the default chunk, what a generous `--chunk-size` makes.
    static let maximumSize: UInt64 = 64 << 20
    /// A buffer that grew beyond this is given back after its member: 2 default chunks.
    private static let keptSize = 8 << 20

    init() {
        // Fails only when memory is exhausted; then each decode says so.
        gzip = try? GzipDecompressor()
    }

    deinit { buffer.deallocate() }

    /// Calls `body` with the uncompressed bytes of one chunk of the member; not verified.
    ///
    /// - Throws: `FetchError.member` when the member cannot be decompressed, and what `body` throws.
    func withChunk<Result>(
        _ index: Int, of member: RangeAssembler.Member, in map: ChunkMap, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let chunk = map.chunk(index)
        if decoded?.first != member.chunks.lowerBound {
            try decode(member, map, compression: map.compression)
        }
        let start = Int(chunk.innerOffset)
        return try body(UnsafeRawBufferPointer(rebasing: buffer[start..<start + Int(chunk.size)]))
    }

    /// The next chunk is of another member.
    func forgetMember() {
        decoded = nil
        if buffer.count > MemberDecoder.keptSize {
            buffer.deallocate()
            buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        }
    }

    private func decode(_ member: RangeAssembler.Member, _ map: ChunkMap, compression: ChunkCompression) throws(FetchError) {
        let blobOffset = map.chunk(member.chunks.lowerBound).blobOffset
        var size: UInt64 = 0
        for index in member.chunks {
            let chunk = map.chunk(index)
            let (end, overflow) = chunk.innerOffset.addingReportingOverflow(chunk.size)
            guard !overflow, end <= MemberDecoder.maximumSize else {
                throw .member(layer: nil, blobOffset: blobOffset, reason: "larger than \(MemberDecoder.maximumSize) bytes")
            }
            size = max(size, end)
        }
        if buffer.count < Int(size) {
            buffer.deallocate()
            buffer = .allocate(byteCount: Int(size), alignment: 4096)
        }
        let output = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<Int(size)])
        do {
            try member.bytes.withUnsafeBytes { try decompress($0, into: output, compression) }
        } catch {
            throw .member(layer: nil, blobOffset: blobOffset, reason: "\(error)")
        }
        decoded = (member.chunks.lowerBound, Int(size))
    }

    private func decompress(
        _ span: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ compression: ChunkCompression
    ) throws {
        switch compression {
        case .gzip:
            guard let gzip else { throw CompressionError.outOfMemory }
            try gzip.decompressPrefix(of: span, into: output)
        case .zstd:
            try MemberDecoder.decompressZstd(span, into: output)
        }
    }

    private static func decompressZstd(_ span: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws {
        let stream = try StreamDecompressor(.zstd)
        var (read, written) = (0, 0)
        while written < output.count {
            let (consumed, produced) = try stream.decompress(
                input: UnsafeRawBufferPointer(rebasing: span[read...]), output: UnsafeMutableRawBufferPointer(rebasing: output[written...]))
            guard consumed > 0 || produced > 0 else { throw CompressionError.truncated(.zstd) }
            read += consumed
            written += produced
        }
    }
}
