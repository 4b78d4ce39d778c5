import Digests
import Glibc
import HostSystem
import Testing
import TreeImage

@testable import ChunkStore

@Suite("space of the store")
struct StoreSpaceTests {
    private let bench: StoreBench
    private let content = StoreBench.content(7, 1 << 20)

    init() throws { bench = try StoreBench() }

    /// Adds a complete layer that was last used at a time.
    private func add(_ name: String, to store: LayerStore, used time: Int) throws -> StoredLayer {
        let (layer, facts) = try StoreBench.compile([content])
        let stored = try store.add(StoreBench.digest(name), layer, facts: facts)
        try stored.store(content, chunk: 0)
        try setTime(name, time)
        return stored
    }

    private func setTime(_ name: String, _ time: Int) throws {
        let times = [timespec(tv_sec: time, tv_nsec: 0), timespec(tv_sec: time, tv_nsec: 0)]
        let path = bench.path(StoreBench.digest(name)) + "/" + LayerStore.lockedFile
        guard utimensat(AT_FDCWD, path, times, 0) == 0 else { throw HostError.last("set the time of", path) }
    }

    @Test("what nobody has open is removed, the longest unused first, until the store is small enough")
    func order() throws {
        let store = try bench.open()
        for (name, time) in [("new", 300), ("old", 100), ("middle", 200)] { _ = try add(name, to: store, used: time) }
        let before = try store.diskBytes()
        #expect(before >= 3 << 20)
        #expect(try store.layers().map(\.digest) == ["old", "middle", "new"].map(StoreBench.digest))
        let result = try store.prune(to: before - 1)
        #expect(result.removed == [StoreBench.digest("old")] && result.leftBytes == before - result.freedBytes)
        #expect(try store.layer(StoreBench.digest("old"), tocDigest: nil) == nil)
        #expect(try store.prune(to: 0).removed.count == 2)
        #expect(try store.layers().isEmpty && Files.entries(bench.directory.path + "/layers").isEmpty)
    }

    @Test("a layer that is open stays, in another process's view too, and what was pruned comes back empty")
    func used() throws {
        let (first, second) = (try bench.open(), try bench.open())
        let layer = try add("used", to: first, used: 100)
        #expect(try second.layers().map(\.isUsed) == [true])
        #expect(try second.prune(to: 0).removed.isEmpty && first.prune(to: 0).removed.isEmpty)
        #expect(try layer.bytes(0) == content)
        withExtendedLifetime(layer) {}
    }

    @Test("a layer that was let go is pruned, and is lazy again")
    func letGo() throws {
        let store = try bench.open()
        do { _ = try add("gone", to: store, used: 100) }
        #expect(try store.prune(to: 0).removed == [StoreBench.digest("gone")])
        let (layer, facts) = try StoreBench.compile([content])
        #expect(try store.add(StoreBench.digest("gone"), layer, facts: facts).bytesPresent == 0)
    }

    @Test("chains go with the first of their layers")
    func chains() throws {
        let store = try bench.open()
        do {
            let layers = [try add("low", to: store, used: 100), try add("high", to: store, used: 200)]
            let chain = try store.chain(of: layers, keepsWhiteouts: false)
            #expect(chain.layers == layers.map(\.digest))
            #expect(try store.chain(of: layers, keepsWhiteouts: false).digest == chain.digest)
        }
        let chains = bench.directory.path + "/chains"
        #expect(try Files.entries(chains).count == 1)
        _ = try store.prune(to: .max)
        #expect(try Files.entries(chains).count == 1)
        _ = try store.prune(to: 0)
        #expect(try Files.entries(chains).isEmpty)
    }

    @Test("verifying drops a chunk whose bytes were changed on the disk, and only that")
    func verify() throws {
        let store = try bench.open()
        let (compiled, facts) = try StoreBench.compile([content, StoreBench.content(9, 5000)])
        let layer = try store.add(StoreBench.digest("layer"), compiled, facts: facts)
        try layer.store(content, chunk: 0)
        try layer.store(StoreBench.content(9, 5000), chunk: 1)
        #expect(try layer.verify() == (2, 0) && layer.isComplete)
        try [UInt8(0xff)].withUnsafeBytes { try layer.content.write($0, at: layer.chunks.chunk(0).contentOffset + 77) }
        #expect(try layer.verify() == (1, 1))
        #expect(!layer.isPresent(0) && layer.isPresent(1) && layer.bytesPresent == 5000)
        try layer.store(content, chunk: 0)
        #expect(layer.isComplete)
    }

    @Test("what a full disk has no room for can be read all the same, and is stored once there is room")
    func fullDisk() throws {
        guard getuid() == 0 else { throw HostError.call(operation: "mount as", path: "root", code: EPERM) }
        let top = bench.directory.path + "/small"
        try Files.makeDirectories(top)
        try Mounts.mount(type: "tmpfs", source: "tmpfs", at: top, options: "size=2m")
        defer { try? Mounts.unmount(top) }
        let store = try LayerStore(root: top)
        let big = StoreBench.content(3, 3 << 20)
        let (compiled, facts) = try StoreBench.compile([StoreBench.content(1, 5000), big])
        let layer = try store.add(StoreBench.digest("layer"), compiled, facts: facts)
        try layer.store(StoreBench.content(1, 5000), chunk: 0)
        try layer.store(big, chunk: 1)
        #expect(layer.isPresent(0) && !layer.isPresent(1))
        // From the middle of one chunk on, across a page's end.
        let place = layer.chunks.chunk(1).contentOffset
        var read = [UInt8](repeating: 0, count: 100_000)
        #expect(try read.withUnsafeMutableBytes { try layer.read(at: place + 70_001, chunks: 1...1, into: $0) })
        #expect(read == Array(big[70_001..<170_001]))
        try #require(Program.run("/usr/bin/mount", ["-o", "remount,size=8m", top]).status == 0)
        try layer.store(big, chunk: 1)
        #expect(try layer.isPresent(1) && layer.bytes(1) == big)
    }
}
