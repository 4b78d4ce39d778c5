import Digests
import EStargz
import Glibc
import HostSystem
import TestSupport
import Testing
import TreeImage

@Suite("chunk maps")
struct ChunkMapTests {
    private func toc() -> TOC {
        var entries: [TOCEntry] = []
        for index in 0..<100 {
            var entry = TOCEntry(name: "f\(index)", kind: .regular)
            entry.size = Int64(1 + index * 97)
            entry.offset = Int64(1000 * (index + 1))
            entry.chunkDigest = Digest.sha256([UInt8(index)])
            entries.append(entry)
        }
        return TOC(entries: entries.shuffled())
    }

    @Test("every chunk is found by place and by digest, and nothing between files is")
    func lookups() throws {
        let directory = try TemporaryDirectory()
        let compiled = try LayerCompiler.compile(toc: toc(), blobSize: 200_000, payloadEnd: 150_000, compression: .gzip)
        try AtomicFile.write(compiled.chunkMap, to: directory.path + "/chunks")
        let map = try ChunkMap(path: directory.path + "/chunks")
        #expect(map.count == 100 && map.blobSize == 200_000 && map.contentSize == compiled.contentSize)
        for index in 0..<100 {
            let chunk = map.chunk(index)
            #expect(chunk.size == UInt64(1 + index * 97) && chunk.blobOffset == UInt64(1000 * (index + 1)))
            #expect(chunk.contentOffset % 4096 == 0)
            #expect(chunk.blobLength == (index == 99 ? 50_000 : 1000))
            #expect(map.index(containing: chunk.contentOffset) == index)
            #expect(map.index(containing: chunk.contentOffset + chunk.size - 1) == index)
            #expect(map.first(of: chunk.digest, size: chunk.size) == index && map.first(of: chunk.digest, size: chunk.size + 1) == nil)
            if chunk.size % 4096 != 0 { #expect(map.index(containing: chunk.contentOffset + chunk.size) == nil) }
        }
        #expect(map.first(of: Digest.sha256([200]), size: 1) == nil)
        #expect(map.index(containing: .max) == nil)
    }

    @Test("a damaged or cut map is refused")
    func damaged() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/chunks"
        let bytes = try LayerCompiler.compile(toc: toc(), blobSize: 200_000, payloadEnd: 150_000, compression: .zstd).chunkMap
        for position in Array(0..<64) + stride(from: 64, to: bytes.count, by: 41) {
            var flipped = bytes
            flipped[position] ^= 1
            try AtomicFile.write(flipped, to: path)
            #expect(throws: TreeImageError.self, "byte \(position)") { try ChunkMap(path: path) }
        }
        try AtomicFile.write(Array(bytes.dropLast()), to: path)
        #expect(throws: TreeImageError.self) { try ChunkMap(path: path) }
        #expect(throws: TreeImageError.self) { try ChunkMap(path: directory.path + "/none") }
    }
}
