internal import CZstd

/// Many zstd frames as one stream; skippable frames hold nothing and are passed over by the library.
struct ZstdStream: ~Copyable {
    /// log2 of the largest window, in bytes: 128 MiB, what the library itself accepts in streams (levels up to 22). The window is memory
    /// that a frame asks for by a number in its header.
    private static let largestWindowLog: Int32 = 27

    private let context: OpaquePointer
    private(set) var isAtBoundary = false

    init() throws(CompressionError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        // Fails only for numbers outside of the library's range.
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZstdStream.largestWindowLog)
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    mutating func decompress(
        input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> (consumed: Int, produced: Int) {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        // Without input there is nothing to do at a boundary; asking would begin a frame and leave the boundary.
        if isAtBoundary, input.count == 0 { return (0, 0) }
        let hint = ZSTD_decompressStream(context, &target, &source)
        guard ZSTD_isError(hint) == 0 else {
            throw .corrupt(.zstd, reason: String(cString: ZSTD_getErrorName(hint)))
        }
        isAtBoundary = hint == 0
        return (source.pos, target.pos)
    }
}
