import Digests
import TreeImage

/// Chunk maps as a disk may have garbled them: refused, or every answer lies within the content and the blob.
enum ChunkMapSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        try check(Array(bytes))
        // The same as a map of the right size with the right checksum: a fuzzer does not find that.
        try check(sealed(Array(bytes)))
    }

    private static func check(_ bytes: [UInt8]) throws {
        let file = try MemoryFile(bytes)
        guard let map = try accepted({ try ChunkMap(path: file.path) }) else { return }
        try check(map)
    }

    /// What a chunk map promises to whoever plans and decodes fetches by it.
    static func check(_ map: ChunkMap) throws {
        var (end, sum): (UInt64, UInt64) = (0, 0)
        for index in 0..<map.count {
            let chunk = map.chunk(index)
            try promise(chunk.contentOffset >= end && chunk.size > 0, "chunks do not overlap in the content")
            if chunk.contentOffset > end { try promise(map.index(containing: end) == nil, "nothing is between chunks") }
            end = chunk.contentOffset + chunk.size
            sum += chunk.size
            try promise(end <= map.contentSize, "chunks lie within the content")
            try promise(chunk.blobLength > 0 && chunk.blobOffset + chunk.blobLength <= map.blobSize, "chunks lie within the blob")
            try promise(map.index(containing: end - 1) == index, "a chunk is found by its place")
            if let found = map.first(of: chunk.digest, size: chunk.size) {
                try promise(map.chunk(found).digest == chunk.digest, "a chunk that is found by a digest has it")
            }
        }
        try promise(sum == map.contentBytes && map.prefetchEnd <= map.blobSize, "the sums are the chunks'")
        for place in [end, map.contentSize, .max] { try promise(map.index(containing: place) == nil, "nothing is behind the last chunk") }
    }

    /// Some bytes with the fixed fields of a map over them: magic, record size, count by the length, checksum (see `ChunkMapFormat`).
    private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 64 else { return bytes }
        let count = (bytes.count - 64) / 76
        var map = Array(bytes.prefix(64 + count * 76))
        func put(_ word: UInt64, _ offset: Int) {
            for index in 0..<8 { map[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
        }
        map.replaceSubrange(0..<8, with: "STCHUNK1".utf8)
        map.replaceSubrange(12..<16, with: [72, 0, 0, 0])
        put(UInt64(count), 16)
        put(0, 56)
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for start in stride(from: 0, to: map.count, by: 8) {
            let piece = map[start..<min(start + 8, map.count)]
            if piece.count == 8 {
                let word = piece.reversed().reduce(0) { $0 << 8 | UInt64($1) }
                hash = (hash ^ word) &* 0x0000_0100_0000_01b3
            } else {
                for byte in piece { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            }
        }
        put(hash, 56)
        return map
    }
}
