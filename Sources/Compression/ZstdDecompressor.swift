internal import CZstd

/// Reads zstd frames from memory, checksums verified where the frames have them. One per thread.
public final class ZstdDecompressor {
    private let context: OpaquePointer

    /// A decompressor.
    public init() throws(CompressionError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Decompresses whole frames.
    ///
    /// - Parameters:
    ///   - frames: one or more whole frames and nothing else.
    ///   - output: at least as large as the content.
    /// - Returns: how many bytes of `output` were written.
    /// - Throws: `truncated`, `corrupt`, `outputTooLarge`.
    public func decompress(
        _ frames: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        let result = ZSTD_decompressDCtx(context, output.baseAddress, output.count, frames.baseAddress, frames.count)
        guard ZSTD_isError(result) != 0 else { return result }
        switch ZSTD_getErrorCode(result) {
        case ZSTD_error_dstSize_tooSmall: throw .outputTooLarge(.zstd, limit: output.count)
        case ZSTD_error_srcSize_wrong: throw .truncated(.zstd)
        default: throw .corrupt(.zstd, reason: String(cString: ZSTD_getErrorName(result)))
        }
    }
}
