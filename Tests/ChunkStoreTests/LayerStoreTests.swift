import Digests
import Glibc
import HostSystem
import Testing
import TreeImage

@testable import ChunkStore

@Suite("the local store")
struct LayerStoreTests {
    private let contents = [StoreBench.content(1, 5000), StoreBench.content(2, 1), StoreBench.content(3, 100_000)]
    private let name = StoreBench.digest("layer")

    private func added(_ bench: StoreBench) throws -> (LayerStore, StoredLayer) {
        let store = try bench.open()
        let (layer, facts) = try StoreBench.compile(contents)
        return (store, try store.add(name, layer, facts: facts))
    }

    @Test("a chunk is there once its bytes were verified, and counted once")
    func stored() throws {
        let (_, layer) = try added(StoreBench())
        #expect(!layer.isPresent(2) && layer.bytesPresent == 0)
        for _ in 0..<2 { try layer.store(contents[2], chunk: 2) }
        #expect(layer.isPresent(2) && !layer.isPresent(0) && layer.bytesPresent == 100_000)
        #expect(try layer.bytes(2) == contents[2])
    }

    @Test("wrong bytes are refused with both digests and leave nothing, not even on the disk")
    func mismatch() throws {
        let (_, layer) = try added(StoreBench())
        let wrong = StoreBench.content(9, 5000)
        let expected = ChunkMismatch(
            layer: name, blobOffset: 1000, expected: Digest.sha256(contents[0]), actual: Digest.sha256(wrong))
        #expect(throws: expected) { try layer.store(wrong, chunk: 0) }
        #expect(throws: ChunkMismatch.self) { try layer.store(Array(contents[0].dropLast()), chunk: 0) }
        #expect(!layer.isPresent(0) && layer.bytesPresent == 0)
        #expect(try layer.bytes(0).allSatisfy { $0 == 0 })
    }

    @Test("another process finds what the first stored, and both see what either stores")
    func shared() throws {
        let bench = try StoreBench()
        let (_, first) = try added(bench)
        try first.store(contents[0], chunk: 0)
        let second = try #require(try bench.open().layer(name, tocDigest: first.facts.tocDigest))
        #expect(second.isPresent(0) && !second.isPresent(1))
        try second.store(contents[1], chunk: 1)
        #expect(first.isPresent(1) && first.bytesPresent == 5001)
        #expect(try first.bytes(1) == contents[1])
    }

    @Test("a layer of another TOC is not the one that is asked for, and the new one takes its place")
    func otherTOC() throws {
        let bench = try StoreBench()
        let (store, old) = try added(bench)
        try old.store(contents[0], chunk: 0)
        #expect(try store.layer(name, tocDigest: StoreBench.digest("other")) == nil)
        let (layer, facts) = try StoreBench.compile([contents[2]])
        let new = try store.add(name, layer, facts: facts)
        #expect(new.chunks.count == 1 && !new.isPresent(0))
        // Whoever has the old one open goes on with it.
        #expect(try old.bytes(0) == contents[0])
        #expect(try Files.entries(bench.directory.path + "/layers") == [name.hex])
    }

    @Test("adding a layer that is there already gives the one that is there")
    func twice() throws {
        let bench = try StoreBench()
        let (store, first) = try added(bench)
        try first.store(contents[0], chunk: 0)
        let (layer, facts) = try StoreBench.compile(contents)
        #expect(try store.add(name, layer, facts: facts).isPresent(0))
        #expect(try bench.open().add(name, layer, facts: facts).isPresent(0))
    }

    @Test(
        "a damaged file of a layer makes the layer absent, and it is removed", arguments: ["tree.erofs", "chunks", "present", "layer.json"])
    func damaged(file: String) throws {
        let bench = try StoreBench()
        _ = try added(bench)
        try AtomicFile.write([1, 2, 3], to: bench.path(name) + "/" + file)
        #expect(try bench.open().layer(name, tocDigest: nil) == nil)
        #expect(!Files.exists(bench.path(name)))
    }

    @Test("after another boot each chunk proves itself again: a lost one is absent, the others stay")
    func reboot() throws {
        let bench = try StoreBench()
        let (_, layer) = try added(bench)
        for index in 0..<3 { try layer.store(contents[index], chunk: index) }
        // What a power cut can leave: the bit is on the disk, the bytes are not. The boot id is at byte 16 (PresenceBitmap).
        try overwrite(bench.path(name) + "/content", at: Int(layer.chunks.chunk(2).contentOffset) + 50_000, [0, 0, 0, 0])
        let sameBoot = try #require(try bench.open().layer(name, tocDigest: nil))
        #expect(sameBoot.isPresent(2))
        try overwrite(bench.path(name) + "/present", at: 16, [UInt8](repeating: 0x5a, count: 16))
        let nextBoot = try #require(try bench.open().layer(name, tocDigest: nil))
        #expect(nextBoot.isPresent(0) && nextBoot.isPresent(1) && !nextBoot.isPresent(2))
        #expect(nextBoot.bytesPresent == 5001)
    }

    @Test("what a killed process left half-made is removed, what a living one makes is not")
    func abandoned() throws {
        let bench = try StoreBench()
        _ = try added(bench)
        let layers = bench.directory.path + "/layers"
        let (living, dead) = (layers + "/.new-0011-\(getpid())-1", layers + "/.new-0011-\(Int32.max)-1")
        for path in [living, dead, layers + "/.old-0011-\(Int32.max)-2"] { try Files.makeDirectories(path + "/x") }
        _ = try bench.open()
        #expect(try Files.entries(layers) == [".new-0011-\(getpid())-1", name.hex])
    }

    @Test("the same content in another layer is copied, not fetched")
    func copied() throws {
        let bench = try StoreBench()
        let (store, first) = try added(bench)
        try first.store(contents[2], chunk: 2)
        let (layer, facts) = try StoreBench.compile([StoreBench.content(7, 10), contents[2], contents[0]])
        let second = try store.add(StoreBench.digest("second"), layer, facts: facts)
        #expect(try store.copyFromOpenLayer(chunk: 1, to: second))
        #expect(try second.bytes(1) == contents[2])
        // Known to the other layer, but not here yet.
        #expect(try !store.copyFromOpenLayer(chunk: 2, to: second))
        #expect(try !store.copyFromOpenLayer(chunk: 0, to: second))
    }

    @Test("a copy whose source was damaged on the disk is refused like any wrong bytes")
    func copiedDamage() throws {
        let bench = try StoreBench()
        let (store, first) = try added(bench)
        try first.store(contents[2], chunk: 2)
        try overwrite(bench.path(name) + "/content", at: Int(first.chunks.chunk(2).contentOffset), [0xff, 0xff])
        let (layer, facts) = try StoreBench.compile([contents[2]])
        let second = try store.add(StoreBench.digest("second"), layer, facts: facts)
        #expect(throws: ChunkMismatch.self) { try store.copyFromOpenLayer(chunk: 0, to: second) }
        #expect(!second.isPresent(0))
    }

    private func overwrite(_ path: String, at offset: Int, _ bytes: [UInt8]) throws {
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        #expect(pwrite(descriptor, bytes, bytes.count, offset) == bytes.count)
    }
}
