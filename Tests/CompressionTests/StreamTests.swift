import Compression
import Testing

@Suite("compressed streams")
struct StreamTests {
    // `printf 'hello ' | zstd -19` and `printf world | zstd --check`.
    static let hello: [UInt8] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68, 0x31, 0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0xd2, 0x3b, 0xe1, 0xa9,
    ]
    static let world: [UInt8] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x29, 0x00, 0x00, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0xef, 0x51, 0xee, 0x66,
    ]
    // A skippable frame of three bytes.
    static let skippable: [UInt8] = [0x52, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]
    static let text = Array("hello world".utf8)

    @Test("the algorithm is told from the first bytes")
    func detect() throws {
        func detected(_ bytes: [UInt8]) -> Algorithm { bytes.withUnsafeBytes { Algorithm.detect($0) } }
        #expect(try detected(member([1])) == .gzip)
        #expect(detected(Self.hello) == .zstd)
        #expect(detected(Self.skippable) == .zstd)
        #expect(detected([]) == Algorithm.none)
        #expect(detected([0x1f, 0x8b]) == Algorithm.none)
        #expect(detected(Array("usr/bin/".utf8)) == Algorithm.none)
    }

    @Test("gzip members are one stream, in pieces of any size", arguments: [(1, 1), (1, 4096), (4096, 1), (7, 13), (1 << 20, 1 << 20)])
    func gzip(inputStep: Int, outputStep: Int) throws {
        let (a, b) = (sample(3000), sample(5000, seed: 9))
        let input = try member(a) + member([]) + member(b)
        let result = try stream(.gzip, input, inputStep: inputStep, outputStep: outputStep)
        #expect(result.content == a + b)
        #expect(result.garbage == 0)
    }

    @Test("zstd frames and skippable frames are one stream, in pieces of any size", arguments: [(1, 1), (1, 100), (100, 1), (100, 100)])
    func zstd(inputStep: Int, outputStep: Int) throws {
        let input = Self.skippable + Self.hello + Self.skippable + Self.world + Self.skippable
        #expect(try stream(.zstd, input, inputStep: inputStep, outputStep: outputStep).content == Self.text)
    }

    @Test("no compression passes bytes on")
    func plain() throws {
        #expect(try stream(.none, Self.text, inputStep: 4, outputStep: 3).content == Self.text)
    }

    @Test("zero padding after gzip is silent, garbage is skipped and counted", arguments: [1, 5, 1000])
    func trailing(inputStep: Int) throws {
        let content = sample(100)
        for (tail, garbage): ([UInt8], UInt64) in [
            ([0], 0), ([UInt8](repeating: 0, count: 600), 0), ([0x41, 0x42], 2), ([0x1f], 0), ([0x1f, 0x41, 0x42], 3), ([0, 0, 9], 1),
        ] {
            let result = try stream(.gzip, member(content) + tail, inputStep: inputStep, outputStep: 64)
            #expect(result.content == content)
            // Zeros before the garbage may count or not, by where the pieces end.
            #expect(garbage == 0 ? result.garbage == 0 : result.garbage >= garbage, "\(tail.prefix(3))")
        }
    }

    @Test("a stream cut anywhere is refused", arguments: [Algorithm.gzip, .zstd])
    func truncated(algorithm: Algorithm) throws {
        let first = algorithm == .gzip ? try member(Self.text) : Self.hello
        let second = algorithm == .gzip ? try member(sample(50)) : Self.world
        for count in 0..<(first + second).count where count != first.count && !(algorithm == .gzip && count == first.count + 1) {
            #expect(throws: CompressionError.truncated(algorithm), "\(count) bytes") {
                try stream(algorithm, Array((first + second)[..<count]), inputStep: 10, outputStep: 10)
            }
        }
    }

    @Test("damage is an error")
    func corrupt() throws {
        var gzip = try member(sample(2000))
        gzip[gzip.count / 2] ^= 0xff
        #expect(throws: CompressionError.self) { try stream(.gzip, gzip, inputStep: 100, outputStep: 100) }
        var zstd = Self.world
        zstd[zstd.count - 1] ^= 1
        #expect(throws: CompressionError.self) { try stream(.zstd, zstd, inputStep: 100, outputStep: 100) }
        #expect(throws: CompressionError.self) { try stream(.zstd, Self.hello + [1, 2, 3, 4, 5], inputStep: 100, outputStep: 100) }
        #expect(throws: CompressionError.self) { try stream(.gzip, Self.text, inputStep: 100, outputStep: 100) }
    }

    @Test("whole zstd frames are read from memory, and errors say what was wrong")
    func zstdFrames() throws {
        func decompress(_ frames: [UInt8], room: Int) throws -> [UInt8] {
            var output = [UInt8](repeating: 0, count: room)
            let count = try frames.withUnsafeBytes { source in
                try output.withUnsafeMutableBytes { try ZstdDecompressor().decompress(source, into: $0) }
            }
            return Array(output[..<count])
        }
        #expect(try decompress(Self.hello + Self.skippable + Self.world, room: 11) == Self.text)
        #expect(throws: CompressionError.outputTooLarge(.zstd, limit: 4)) { try decompress(Self.world, room: 4) }
        #expect(throws: CompressionError.truncated(.zstd)) { try decompress(Array(Self.world.dropLast(5)), room: 5) }
        var bad = Self.world
        bad[bad.count - 1] ^= 1
        #expect(throws: CompressionError.self) { try decompress(bad, room: 5) }
    }
}

@Suite("reading compressed sources")
struct DecompressingReaderTests {
    struct SourceFailure: Error {}

    func source(_ bytes: [UInt8], step: Int, failAt: Int = .max) -> DecompressingReader.Source {
        var position = 0
        return { buffer in
            if position >= failAt { throw SourceFailure() }
            let count = min(step, buffer.count, bytes.count - position)
            buffer.copyBytes(from: bytes[position..<position + count])
            position += count
            return count
        }
    }

    func readAll(_ reader: DecompressingReader) throws -> [UInt8] {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 777)
        while case let count = try buffer.withUnsafeMutableBytes({ try reader.read(into: $0) }), count > 0 { content += buffer[..<count] }
        return content
    }

    @Test("the content is the same whatever the compression and the pieces", arguments: [1, 3, 100_000])
    func read(step: Int) throws {
        let content = sample(20_000)
        for (bytes, algorithm) in [(content, Algorithm.none), (try member(content) + member(content), .gzip)] {
            let reader = try DecompressingReader(source: source(bytes, step: step))
            #expect(reader.algorithm == algorithm)
            #expect(try readAll(reader) == (algorithm == .gzip ? content + content : content))
            #expect(reader.bytesRead == UInt64(bytes.count))
        }
    }

    @Test("the source is read to its end, past padding")
    func drained() throws {
        let bytes = try member([1, 2, 3]) + [UInt8](repeating: 0, count: 700_000)
        let reader = try DecompressingReader(source: source(bytes, step: 1000))
        #expect(try readAll(reader) == [1, 2, 3])
        #expect(reader.bytesRead == UInt64(bytes.count))
    }

    @Test("an empty source has no content; an empty gzip source is cut short")
    func empty() throws {
        #expect(try readAll(DecompressingReader(source: source([], step: 1))) == [])
        #expect(throws: CompressionError.truncated(.gzip)) {
            try readAll(DecompressingReader(algorithm: .gzip, source: source([], step: 1)))
        }
    }

    @Test("the source's own failure comes through", arguments: [0, 2, 50])
    func failure(at position: Int) throws {
        #expect(throws: SourceFailure.self) {
            try readAll(DecompressingReader(source: source(member(sample(1000)), step: 10, failAt: position)))
        }
    }
}
