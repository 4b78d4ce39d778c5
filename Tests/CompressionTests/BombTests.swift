import Compression
import TestSupport
import Testing

@Suite("compressed data that wants to cost something")
struct BombTests {
    /// A gzip member of zeros, 8 MiB for each of `steps`, made of matches of 258 bytes in 13 bits: one byte for 158.
    private func gzipBomb(steps: Int, claimedSize: UInt32) -> [UInt8] {
        var bits: [UInt8] = []
        // Last block, fixed codes, the literal 0; then a match of length 258 and distance 1: codes are sent from their highest bit on.
        let match: [UInt8] = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
        bits += [1, 1, 0] + [0, 0, 1, 1, 0, 0, 0, 0]
        let start = bits.count
        for _ in 0..<16 { bits += match }
        func byte(_ index: Int) -> UInt8 { (0..<8).reduce(0) { $0 | bits[index * 8 + $1] << UInt8($1) } }
        let head = (0..<(start + 7) / 8).map(byte)
        // From here on the bits repeat every 13 bytes.
        let pattern = (head.count..<head.count + 13).map(byte)
        var member: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff] + head
        let block = Array(repeatElement(pattern, count: 4064).joined())
        for _ in 0..<steps { member += block }
        withUnsafeBytes(of: claimedSize.littleEndian) { member += [0, 0, 0, 0] + $0 }
        return member
    }

    /// A zstd frame of zeros with a window of 2^`windowLog`: blocks of one byte repeated 128 KiB times.
    private func zstdBomb(blocks: Int, windowLog: UInt8) -> [UInt8] {
        let size: UInt32 = 128 << 10
        let header = size << 3 | 1 << 1
        var frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]
        for index in 0..<blocks {
            let word = index == blocks - 1 ? header | 1 : header
            frame += [UInt8(word & 0xff), UInt8(word >> 8 & 0xff), UInt8(word >> 16), 0]
        }
        return frame
    }

    @Test(
        "a gzip member of 2 GiB of zeros costs the chunk that is wanted of it, whatever size it claims", .timeLimit(.minutes(1)),
        arguments: [0, 100_000, 1_100_000, .max] as [UInt32])
    func gzipChunk(claimedSize: UInt32) throws {
        let bomb = gzipBomb(steps: 256, claimedSize: claimedSize)
        var chunk = [UInt8](repeating: 0xee, count: 100_000)
        let growth = try PeakMemory.growth {
            try bomb.withUnsafeBytes { source in
                try chunk.withUnsafeMutableBytes { try GzipDecompressor().decompressPrefix(of: source, into: $0) }
            }
        }
        #expect(chunk.allSatisfy { $0 == 0 })
        #expect(growth < 16 << 20, "\(growth >> 20) MiB")
    }

    @Test("a gzip member of 2 GiB is refused by a buffer that is smaller", .timeLimit(.minutes(1)))
    func gzipWhole() throws {
        let bomb = gzipBomb(steps: 256, claimedSize: 0)
        var output = [UInt8](repeating: 0, count: 100_000)
        #expect(throws: CompressionError.outputTooLarge(.gzip, limit: 100_000)) {
            try bomb.withUnsafeBytes { source in
                try output.withUnsafeMutableBytes { try GzipDecompressor().decompress(source, into: $0) }
            }
        }
    }

    @Test("a million empty members between a chunk and its bytes take time by their number, and no memory", .timeLimit(.minutes(1)))
    func emptyMembers() throws {
        let empty = try member([])
        let span = try Array(repeatElement(empty, count: 200_000).joined()) + member(sample(1000))
        var chunk = [UInt8](repeating: 0, count: 1000)
        let growth = try PeakMemory.growth {
            try span.withUnsafeBytes { source in
                try chunk.withUnsafeMutableBytes { try GzipDecompressor().decompressPrefix(of: source, into: $0) }
            }
        }
        #expect(chunk == sample(1000))
        #expect(growth < 16 << 20, "\(growth >> 20) MiB")
    }

    @Test("a zstd frame of 4 GiB costs the bytes that are wanted of it")
    func zstdChunk() throws {
        let bomb = zstdBomb(blocks: 32 << 10, windowLog: 20)
        var output = [UInt8](repeating: 0xee, count: 1 << 20)
        let growth = try PeakMemory.growth {
            let stream = try StreamDecompressor(.zstd)
            var (read, written) = (0, 0)
            while written < output.count {
                let (consumed, produced) = try bomb[read...].withUnsafeBytes { source in
                    try output[written...].withUnsafeMutableBytes { try stream.decompress(input: source, output: $0) }
                }
                read += consumed
                written += produced
            }
        }
        #expect(output.allSatisfy { $0 == 0 })
        #expect(growth < 32 << 20, "\(growth >> 20) MiB")
        #expect(throws: CompressionError.outputTooLarge(.zstd, limit: 1 << 20)) {
            try bomb.withUnsafeBytes { source in
                try output.withUnsafeMutableBytes { try ZstdDecompressor().decompress(source, into: $0) }
            }
        }
    }

    @Test("a zstd frame that asks for a window of more than 128 MiB is refused", arguments: [28, 30, 41] as [UInt8])
    func zstdWindow(log: UInt8) throws {
        func size(_ log: UInt8) throws -> Int {
            try stream(.zstd, zstdBomb(blocks: 1, windowLog: log), inputStep: 100, outputStep: 1 << 16).content.count
        }
        #expect(throws: CompressionError.self) { try size(log) }
        #expect(try size(27) == 128 << 10)
    }
}
