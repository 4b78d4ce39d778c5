internal import CDeflate

/// Reads gzip members from memory with libdeflate, checksums verified. One per thread.
public final class GzipDecompressor {
    private let decompressor: OpaquePointer
    private var scratch = ScratchBuffer()

    /// A decompressor.
    public init() throws(CompressionError) {
        guard let decompressor = libdeflate_alloc_decompressor() else { throw .outOfMemory }
        self.decompressor = decompressor
    }

    deinit { libdeflate_free_decompressor(decompressor) }

    /// Decompresses exactly one member.
    ///
    /// - Parameters:
    ///   - member: the whole member and nothing else.
    ///   - output: at least as large as the content.
    /// - Returns: how many bytes of `output` were written.
    /// - Throws: `truncated`, `corrupt`, `outputTooLarge`, or `trailingBytes` when more than one member was given.
    public func decompress(
        _ member: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        let (consumed, produced) = try step(member, into: output)
        guard consumed == member.count else { throw .trailingBytes(.gzip, count: member.count - consumed) }
        return produced
    }

    /// The size of a member's content as its last four bytes say; nil when the member cannot hold that much.
    ///
    /// Only a claim, and of a size beyond 4 GiB the low half.
    public static func claimedSize(of member: UnsafeRawBufferPointer) -> Int? {
        // Header and trailer without anything between. Deflate makes at most 1,032 bytes of one.
        guard member.count >= 18 else { return nil }
        let size = Int(UInt32(littleEndian: member.loadUnaligned(fromByteOffset: member.count - 4, as: UInt32.self)))
        return size / 1_032 <= member.count ? size : nil
    }

    /// Decompresses the front of a run of members until `output` is full: how a chunk is read, whose member goes on with tar headers.
    ///
    /// - Parameters:
    ///   - span: bytes that begin with a member; may hold several, and what follows the needed ones is ignored.
    ///   - output: exactly as large as the content that is wanted.
    /// - Throws: `outputTooSmall` when the span ends before `output` is full, `truncated`, `corrupt`.
    ///   Nothing about the content is promised beyond the members' checksums; a chunk's digest is the caller's to verify.
    public func decompressPrefix(
        of span: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) {
        guard output.count > 0 else { return }
        // One member that ends with the span says its size in its last four bytes. Only a little surplus (padding, a few
        // headers) is worth decompressing; the bound also keeps a lying size from being believed.
        if let size = GzipDecompressor.claimedSize(of: span) {
            // A failure here only means that the span is not one member; the stream below finds out and reports.
            if size == output.count, let (_, produced) = try? step(span, into: output), produced == size { return }
            if size > output.count, size - output.count <= GzipDecompressor.surplusLimit {
                let space = UnsafeMutableRawBufferPointer(rebasing: scratch.bytes(size)[..<size])
                if let (_, produced) = try? step(span, into: space), produced == size {
                    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: space[..<output.count]))
                    return
                }
            }
        }
        try streamPrefix(of: span, into: output)
    }

    /// Bytes beyond a chunk that are decompressed along: our writer puts at most 1 MiB of headers behind a chunk, plus padding.
    private static let surplusLimit = 2 << 20

    private func streamPrefix(
        of span: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) {
        let stream = try StreamDecompressor(.gzip)
        var (read, written) = (0, 0)
        while written < output.count {
            let (consumed, produced) = try stream.decompress(
                input: UnsafeRawBufferPointer(rebasing: span[read...]),
                output: UnsafeMutableRawBufferPointer(rebasing: output[written...]))
            read += consumed
            written += produced
            if consumed == 0, produced == 0 {
                guard stream.isAtBoundary else { throw .truncated(.gzip) }
                throw .outputTooSmall(.gzip, expected: output.count, actual: written)
            }
        }
    }

    private func step(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> (consumed: Int, produced: Int) {
        var (consumed, produced) = (0, 0)
        // libdeflate takes no null pointers, not even for nothing.
        let result = withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { nothing in
            libdeflate_gzip_decompress_ex(
                decompressor, input.baseAddress ?? UnsafeRawPointer(nothing.baseAddress), input.count,
                output.baseAddress ?? nothing.baseAddress, output.count, &consumed, &produced)
        }
        switch result {
        case LIBDEFLATE_SUCCESS: return (consumed, produced)
        case LIBDEFLATE_INSUFFICIENT_SPACE: throw .outputTooLarge(.gzip, limit: output.count)
        default: throw .corrupt(.gzip, reason: "damaged, cut short, or a wrong checksum")
        }
    }
}
