import Digests
import HostSystem
import Testing
import TreeImage

@testable import ChunkStore

@Suite("layers that are staged before they are the store's")
struct StagedLayerTests {
    private let contents = [StoreBench.content(1, 5000), StoreBench.content(2, 100)]
    private let name = StoreBench.digest("layer")

    private func staged(_ store: LayerStore) throws -> StagedLayer {
        let (layer, facts) = try StoreBench.compile(contents)
        return try store.stage(name, layer, facts: facts)
    }

    private func directories(_ bench: StoreBench) throws -> [String] { try Files.entries(bench.directory.path + "/layers") }

    @Test("a staged layer is not found until it is taken, and is complete then")
    func taken() throws {
        let bench = try StoreBench()
        let store = try bench.open()
        let staged = try staged(store)
        #expect(try store.layer(name, tocDigest: nil) == nil && store.layers().isEmpty)
        let layer = try store.add(staged)
        #expect(try store.layer(name, tocDigest: staged.facts.tocDigest) === layer)
        #expect(try directories(bench) == [name.hex])
        #expect(layer.treePath == bench.path(name) + "/tree.erofs" && layer.contentPath == bench.path(name) + "/content")
        try layer.store(contents[0], chunk: 0)
        let other = try #require(try bench.open().layer(name, tocDigest: staged.facts.tocDigest))
        #expect(other.isPresent(0) && !other.isPresent(1))
        #expect(try store.prune(to: 0).removed.isEmpty)
    }

    @Test("one that nobody takes leaves nothing")
    func dropped() throws {
        let bench = try StoreBench()
        let store = try bench.open()
        let found = try withExtendedLifetime(staged(store)) { try directories(bench) }
        #expect(found.count == 1)
        #expect(try directories(bench).isEmpty)
    }

    @Test("of two that were staged the first that is taken is the store's, and the other leaves nothing")
    func twice() throws {
        let bench = try StoreBench()
        let store = try bench.open()
        let layer: StoredLayer
        do {
            let (first, second) = (try staged(store), try staged(store))
            layer = try store.add(first)
            #expect(try store.add(second) === layer)
        }
        #expect(try directories(bench) == [name.hex])
    }
}
