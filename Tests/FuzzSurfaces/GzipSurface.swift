import Compression
import EStargz

/// Gzip members: the two libraries that read them agree, nothing is written beyond the room that was given, and a TOC comes out or not.
enum GzipSurface {
    /// Most bytes that a stream is followed for; what bombs hold is not the question here.
    private static let limit = 1 << 17

    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        // The last two bytes say how much is wanted: no seed needs another front than a gzip member has.
        let wanted = bytes.count < 2 ? 0 : Int(bytes[bytes.count - 1]) << 8 | Int(bytes[bytes.count - 2])
        let large = try stream(.gzip, bytes, inputStep: 1 << 20, room: limit)
        let small = try stream(.gzip, bytes, inputStep: 7, room: wanted)
        try promise(agree(small, large), "a stream in small steps gives the same bytes")
        var output = [UInt8](repeating: 0, count: wanted)
        let isRead = try accepted {
            try output.withUnsafeMutableBytes { try GzipDecompressor().decompressPrefix(of: bytes, into: $0) }
            return true
        }
        if isRead == true {
            try promise(agree(output, large), "a chunk read at once is the chunk read as a stream")
        } else {
            try promise(large.count < wanted, "what the stream reads can be read at once")
        }
        _ = try accepted { try output.withUnsafeMutableBytes { try GzipDecompressor().decompress(bytes, into: $0) } }
        if let json = try accepted({ try TOCBlob.extract(tocMember: bytes, limit: 100_000) }) {
            try promise(json.count <= 100_000, "a TOC's size is bounded")
        }
    }

    /// Whether two readings are the same as far as both go: a step that finds damage does not say what it had written.
    static func agree(_ one: [UInt8], _ other: [UInt8]) -> Bool { zip(one, other).allSatisfy { $0 == $1 } }

    /// Up to `room` bytes of a stream: to its end or to the first damage.
    static func stream(_ algorithm: Algorithm, _ bytes: UnsafeRawBufferPointer, inputStep: Int, room: Int) throws -> [UInt8] {
        var output = [UInt8](repeating: 0, count: room)
        var (read, written) = (0, 0)
        _ = try accepted {
            let stream = try StreamDecompressor(algorithm)
            try output.withUnsafeMutableBytes { output in
                while written < room {
                    let (consumed, produced) = try stream.decompress(
                        input: UnsafeRawBufferPointer(rebasing: bytes[read..<min(bytes.count, read + inputStep)]),
                        output: UnsafeMutableRawBufferPointer(rebasing: output[written...]))
                    read += consumed
                    written += produced
                    try promise(read <= bytes.count && written <= room, "a step takes and gives no more than there is")
                    if consumed == 0, produced == 0, inputStep >= bytes.count - read { break }
                    try promise(consumed > 0 || produced > 0, "a stream that has input and room goes on")
                }
                try stream.finish()
            }
        }
        return Array(output[..<written])
    }
}

/// Zstandard frames, in the same way.
enum ZstdSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        let wanted = bytes.count < 2 ? 0 : Int(bytes[bytes.count - 1]) << 8 | Int(bytes[bytes.count - 2])
        let large = try GzipSurface.stream(.zstd, bytes, inputStep: 1 << 20, room: 1 << 17)
        let small = try GzipSurface.stream(.zstd, bytes, inputStep: 7, room: wanted)
        try promise(GzipSurface.agree(small, large), "a stream in small steps gives the same bytes")
        var output = [UInt8](repeating: 0, count: wanted)
        let count = try accepted { try output.withUnsafeMutableBytes { try ZstdDecompressor().decompress(bytes, into: $0) } }
        if let count { try promise(GzipSurface.agree(Array(output[..<count]), large), "frames read at once are those of the stream") }
    }
}
