internal import CZstd

/// Many zstd frames as one stream; skippable frames hold nothing and are passed over by the library.
struct ZstdStream: ~Copyable {
    private let context: OpaquePointer
    private(set) var isAtBoundary = false

    init() throws(CompressionError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        // The library's own limit for streams, 128 MiB of window (levels up to 22), stays: memory is bounded by it.
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
