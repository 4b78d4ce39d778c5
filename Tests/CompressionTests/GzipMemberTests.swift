import Compression
import Testing

@Suite("gzip members in memory")
struct GzipMemberTests {
    func decompress(_ member: [UInt8], room: Int) throws -> [UInt8] {
        var output = [UInt8](repeating: 0, count: room)
        let count = try member.withUnsafeBytes { source in
            try output.withUnsafeMutableBytes { try GzipDecompressor().decompress(source, into: $0) }
        }
        return Array(output[..<count])
    }

    func prefix(_ span: [UInt8], _ count: Int) throws -> [UInt8] {
        var output = [UInt8](repeating: 0xee, count: count)
        try span.withUnsafeBytes { source in
            try output.withUnsafeMutableBytes { try GzipDecompressor().decompressPrefix(of: source, into: $0) }
        }
        return output
    }

    @Test("what is compressed comes back, at every level", arguments: 1...12)
    func roundTrip(level: Int) throws {
        for content in [[], [7], sample(1000), sample(300_000)] {
            #expect(try decompress(member(content, level: level), room: content.count) == content)
        }
    }

    @Test("the header says nothing of time, name or machine")
    func header() throws {
        #expect(try member(sample(10)).prefix(10) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
        #expect(try member(sample(5000), level: 12).prefix(10) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
    }

    @Test("one compressor makes the same member again and appends it")
    func deterministic() throws {
        let compressor = try GzipCompressor(level: 6)
        var output: [UInt8] = []
        let content = sample(70_000)
        for _ in 0..<2 { content.withUnsafeBytes { compressor.member($0, into: &output) } }
        #expect(output.count % 2 == 0)
        #expect(output[..<(output.count / 2)] == output[(output.count / 2)...])
    }

    @Test("a level that does not exist is refused", arguments: [-1, 0, 13])
    func level(_ level: Int) {
        #expect(throws: CompressionError.level(level, allowed: 1...12)) { try GzipCompressor(level: level) }
    }

    @Test("content larger than the buffer is refused")
    func tooLarge() throws {
        let bytes = try member(sample(1000))
        #expect(throws: CompressionError.outputTooLarge(.gzip, limit: 999)) { try decompress(bytes, room: 999) }
        #expect(throws: CompressionError.outputTooLarge(.gzip, limit: 0)) { try decompress(bytes, room: 0) }
    }

    @Test("bytes after the member are refused")
    func trailing() throws {
        #expect(throws: CompressionError.trailingBytes(.gzip, count: 3)) { try decompress(member(sample(100)) + [0, 0, 0], room: 100) }
    }

    @Test("a member cut anywhere is refused")
    func truncated() throws {
        let bytes = try member(sample(200))
        for count in 0..<bytes.count {
            #expect(throws: CompressionError.self) { try decompress(Array(bytes[..<count]), room: 200) }
        }
    }

    @Test("a flipped bit in the body or the trailer is found")
    func flipped() throws {
        let bytes = try member(sample(500))
        for index in stride(from: 10, to: bytes.count, by: 7) {
            var bad = bytes
            bad[index] ^= 0x10
            #expect(throws: CompressionError.self, "byte \(index)") { try decompress(bad, room: 500) }
        }
    }

    @Test("the front of a member is read whatever follows in it or behind it")
    func prefixes() throws {
        let content = sample(40_000)
        let alone = try member(content)
        #expect(try prefix(alone, 40_000) == content)
        #expect(try prefix(alone, 39_000)[...] == content[..<39_000])
        #expect(try prefix(alone, 1) == [content[0]])
        #expect(try prefix(alone, 0) == [])
        #expect(try prefix(alone + member(sample(9, seed: 2)), 40_000) == content)
        #expect(try prefix(member(Array(content[..<100])) + member(Array(content[100...])), 40_000) == content)
        #expect(try prefix(alone + [1, 2, 3, 4, 5], 40_000) == content)
        // A surplus that is not worth decompressing.
        #expect(try prefix(member(content + [UInt8](repeating: 0, count: 5 << 20)), 40_000) == content)
    }

    @Test("a span with too little in it, or damage, is refused")
    func badPrefixes() throws {
        let bytes = try member(sample(1000))
        #expect(throws: CompressionError.outputTooSmall(.gzip, expected: 1001, actual: 1000)) { try prefix(bytes, 1001) }
        #expect(throws: CompressionError.truncated(.gzip)) { try prefix(Array(bytes.dropLast(100)), 1000) }
        #expect(throws: CompressionError.self) { try prefix([], 10) }
        #expect(throws: CompressionError.self) { try prefix([UInt8](repeating: 0x41, count: 100), 10) }
    }

    @Test("a trailer that lies about the size is not believed")
    func lyingSize() throws {
        var bytes = try member(sample(1000))
        bytes.replaceSubrange((bytes.count - 4)..., with: [0xff, 0xff, 0xff, 0xff])
        #expect(try prefix(bytes, 900) == Array(sample(1000)[..<900]))
        #expect(throws: CompressionError.self) { try decompress(bytes, room: 1000) }
    }
}
