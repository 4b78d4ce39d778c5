import Digests
import EStargz
import HostSystem
import Testing
import TreeImage

@testable import FetchEngine

@Suite("decoding members")
struct MemberDecoderTests {
    /// A chunk map of one file of zeros, and its decoded bytes or why there are none.
    private func decode(_ member: [UInt8], size: Int64, inner: Int64 = 0) throws -> [UInt8] {
        var entry = TOCEntry(name: "zeros", kind: .regular)
        (entry.size, entry.innerOffset, entry.chunkDigest) = (size, inner, Digest.sha256([]))
        let blobSize = UInt64(member.count)
        let compiled = try LayerCompiler.compile(
            toc: TOC(entries: [entry]), blobSize: blobSize, payloadEnd: blobSize, compression: .zstd)
        let directory = try TemporaryDirectory(prefix: "member-")
        try AtomicFile.write(compiled.chunkMap, to: directory.path + "/chunks")
        let map = try ChunkMap(path: directory.path + "/chunks")
        var bytes: [UInt8] = []
        try MemberDecoder().withChunk(0, of: RangeAssembler.Member(bytes: member, chunks: 0...0), in: map) { bytes = Array($0) }
        return bytes
    }

    /// A zstd frame of 4 GiB of zeros in 128 KiB: a window of 1 MiB, and blocks of one byte repeated 128 KiB times.
    private var bomb: [UInt8] {
        let header = (128 << 10) << 3 | 1 << 1
        let block = [UInt8(header & 0xff), UInt8(header >> 8 & 0xff), UInt8(header >> 16), 0]
        return [0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3] + Array(repeatElement(block, count: 32 << 10).joined())
    }

    @Test("a bomb costs the chunk that is wanted of it", .timeLimit(.minutes(1)))
    func zstdBomb() throws {
        #expect(try decode(bomb, size: 100_000) == [UInt8](repeating: 0, count: 100_000))
        #expect(try decode(bomb, size: 10, inner: 1 << 20) == [UInt8](repeating: 0, count: 10))
    }

    @Test(
        "a chunk that would need more than 64 MiB of its member is refused, also near 2^63",
        arguments: [64 << 20, 1 << 62, .max] as [Int64])
    func tooFar(inner: Int64) {
        #expect(throws: FetchError.self) { try decode(bomb, size: 1, inner: inner) }
    }

    @Test("a chunk larger than 64 MiB is refused before memory is asked for", arguments: [64 << 20 + 1, 1 << 43] as [Int64])
    func tooLarge(size: Int64) {
        #expect(throws: FetchError.self) { try decode(bomb, size: size) }
    }

    @Test("a member that ends before its chunk does is refused")
    func short() {
        #expect(throws: FetchError.self) { try decode(Array(bomb.prefix(10)), size: 1 << 20) }
    }
}
