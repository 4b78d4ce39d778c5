/// Decompresses a stream step by step between the caller's buffers. One thread at a time.
///
/// Gzip streams may have many members, zstd streams many frames (skippable ones too). Memory is bounded by the window: 32 KiB
/// for gzip, at most 128 MiB for zstd.
public final class StreamDecompressor {
    /// What the stream is compressed with.
    public let algorithm: Algorithm

    // At most one of them, by `algorithm`.
    private var gzip: GzipStream?
    private var zstd: ZstdStream?

    /// A decompressor at the beginning of a stream.
    public init(_ algorithm: Algorithm) throws(CompressionError) {
        self.algorithm = algorithm
        switch algorithm {
        case .none: break
        case .gzip: gzip = try GzipStream()
        case .zstd: zstd = try ZstdStream()
        }
    }

    /// Takes some bytes of `input` and fills the front of `output`.
    ///
    /// - Returns: how many bytes were taken and written. Both are 0 only when the stream wants more input (or more room).
    /// - Throws: `corrupt`, `outOfMemory`.
    public func decompress(
        input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> (consumed: Int, produced: Int) {
        switch algorithm {
        case .none:
            let size = min(input.count, output.count)
            if size > 0 { output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<size])) }
            return (size, size)
        case .gzip: return try gzip?.decompress(input: input, output: output) ?? (0, 0)
        case .zstd: return try zstd?.decompress(input: input, output: output) ?? (0, 0)
        }
    }

    /// Whether the input may end here: between members or frames, and not before the first one.
    public var isAtBoundary: Bool {
        switch algorithm {
        case .none: true
        case .gzip: gzip?.isAtBoundary ?? false
        case .zstd: zstd?.isAtBoundary ?? false
        }
    }

    /// Bytes after the last gzip member that were ignored and are not zero padding; gzip(1) warns of them.
    public var garbageBytes: UInt64 { gzip?.garbageBytes ?? 0 }

    /// Says that the input has ended.
    ///
    /// - Throws: `truncated` when it may not end here.
    public func finish() throws(CompressionError) {
        guard isAtBoundary else { throw .truncated(algorithm) }
    }
}
