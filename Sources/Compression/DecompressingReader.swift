/// Reads the content of a compressed byte source behind one `read`: the source is pulled, decompressed and checked to its end.
///
/// Memory: one input buffer plus the decompressor's window. One thread at a time.
public final class DecompressingReader {
    /// Fills the front of a buffer and returns how many bytes; 0 at the end.
    public typealias Source = (UnsafeMutableRawBufferPointer) throws -> Int

    /// What the source turned out to be compressed with.
    public let algorithm: Algorithm
    /// Compressed bytes taken from the source so far.
    public private(set) var bytesRead: UInt64 = 0

    private let source: Source
    private let decompressor: StreamDecompressor
    private let buffer: UnsafeMutableRawBufferPointer
    private var pending: Range<Int>
    private var sourceEnded = false

    /// 256 KiB: large enough that a read's cost vanishes, small enough for the second-level cache.
    private static let bufferSize = 256 << 10

    /// Begins to read; the algorithm is told from the first bytes unless it is given.
    ///
    /// - Throws: what the source throws, or `CompressionError`.
    public init(algorithm: Algorithm? = nil, source: @escaping Source) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: DecompressingReader.bufferSize, alignment: 16)
        var filled = 0
        do {
            while filled < Algorithm.magicSize {
                let count = try source(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                if count == 0 {
                    sourceEnded = true
                    break
                }
                filled += count
            }
            let detected = algorithm ?? Algorithm.detect(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
            decompressor = try StreamDecompressor(detected)
            self.algorithm = detected
        } catch {
            buffer.deallocate()
            throw error
        }
        self.source = source
        self.buffer = buffer
        pending = 0..<filled
        bytesRead = UInt64(filled)
    }

    deinit { buffer.deallocate() }

    /// Bytes after the last gzip member that were ignored and are not zero padding.
    public var garbageBytes: UInt64 { decompressor.garbageBytes }

    /// Fills the front of `output` with content.
    ///
    /// - Returns: how many bytes, at least one; 0 at the end of the content, and then the source was read to its end.
    /// - Throws: what the source throws, or `CompressionError`.
    public func read(into output: UnsafeMutableRawBufferPointer) throws -> Int {
        precondition(output.count > 0, "a read needs room for a byte")
        while true {
            if pending.isEmpty, !sourceEnded { try refill() }
            let (consumed, produced) = try decompressor.decompress(
                input: UnsafeRawBufferPointer(rebasing: buffer[pending]), output: output)
            pending = pending.lowerBound + consumed..<pending.upperBound
            if produced > 0 { return produced }
            if pending.isEmpty, sourceEnded, consumed == 0 {
                try decompressor.finish()
                return 0
            }
        }
    }

    private func refill() throws {
        let count = try source(buffer)
        sourceEnded = count == 0
        bytesRead += UInt64(count)
        pending = 0..<count
    }
}
