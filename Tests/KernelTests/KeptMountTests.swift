import ChunkStore
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import Logging
import OCI
import TestSupport
import Testing

/// One process's mount after the other on the same directory, with the real keeper between them.
@Suite("a mount that is kept", .serialized)
struct KeptMountTests {
    /// A directory as a daemon has one, with a layer in its store. The mount and the keeper are gone with `end`.
    final class Kept {
        let directory: TemporaryDirectory
        let fixture: CompiledFixture
        let program: KeeperProgram
        private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        private var servers: [Server] = []

        struct Server {
            let blob: MemoryBlob
            let fetcher: ChunkFetcher
            let mount: LazyMount
            let layer: LazyLayer

            /// As a daemon at SIGTERM.
            func leave() {
                mount.silence()
                fetcher.shutdown()
                mount.leave()
            }
        }

        var root: String { directory.path }
        let contents = SlotContents(key: "a layer", origin: "memory")

        init() throws {
            try requireRoot()
            try requireFuse()
            directory = try TemporaryDirectory()
            fixture = try CompiledFixture(CompiledFixture.variants[0])
            program = KeeperProgram(path: try Places.product("starlingd"), arguments: ["keeper", directory.path])
        }

        /// Serves as another process would; nothing is shared with the last one but what is on the disk and with the keeper.
        func serve(isHeld: Bool = false) throws -> Server {
            let blob = MemoryBlob(fixture.image.blob)
            blob.hold(isHeld)
            let store = try LayerStore(root: root)
            let facts = LayerFacts(tocDigest: fixture.tocDigest, blobSize: UInt64(fixture.image.blob.count), format: "estargz")
            let stored =
                try store.layer(fixture.image.layer.digest, tocDigest: fixture.tocDigest)
                ?? store.add(fixture.image.layer.digest, fixture.compiled, facts: facts)
            let layer = LazyLayer(stored: stored, source: blob)
            let fetcher = try ChunkFetcher(store: store, log: log)
            let keeping = MountKeeping(directory: root, program: program, log: log)
            let mount = try LazyMount(at: MountPlace(path: root + "/lazy"), fetcher: fetcher, log: log, keeping: keeping) { slots in
                slots.filter { $0.value == contents }.mapValues { _ in SlotTree(layer.stored.tree, layers: [layer]) }
            }
            let server = Server(blob: blob, fetcher: fetcher, mount: mount, layer: layer)
            servers.append(server)
            return server
        }

        /// Ids of keepers of this directory.
        func keepers() throws -> [Int32] { try Keepers.processes(of: root) }

        /// Puts the layer on the mount.
        ///
        /// The first file that is closed makes the kernel ask for FLUSH, once, and children that other tests start close copies of our
        /// descriptors: that must not happen while nobody serves.
        func add(_ server: Server) throws -> String {
            let top = try server.mount.add(server.layer, as: contents).directory
            close(open(top + "/etc/conf", O_RDONLY))
            return top
        }

        func end() {
            guard let last = servers.last else { return }
            last.blob.hold(false)
            last.fetcher.shutdown()
            last.mount.unmount()
        }
    }

    private func read(_ path: String) throws -> [UInt8] { try Files.read(path, limit: 1 << 30) }

    @Test("the next process serves the same mount: same device, same directory, same bytes")
    func handOver() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve()
        let top = try kept.add(first)
        let content = try read(top + "/etc/conf")
        var before = stat()
        #expect(lstat(top + "/bin/tool", &before) == 0)
        first.leave()
        let second = try kept.serve()
        let inherited = try #require(second.mount.claim { $0 == kept.contents })
        #expect(inherited.mounted.directory == top && second.mount.claim { _ in true } == nil)
        var after = stat()
        #expect(lstat(top + "/bin/tool", &after) == 0 && before.st_ino == after.st_ino && before.st_dev == after.st_dev)
        #expect(try read(top + "/etc/conf") == content)
        let differences = try TreeListing(top).comparable().differences(from: UnpackedLayer().listing)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
    }

    @Test("what is asked for while nobody serves waits, and is answered by the next process")
    func asksMeanwhile() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve()
        let top = try kept.add(first)
        first.leave()
        let reading = try Background { try Files.read(top + "/big/exact4m", limit: 1 << 30).count }
        let listing = try Background { try Files.entries(top + "/opaque").count }
        usleep(100_000)
        _ = try kept.serve()
        #expect(try reading.value() == 4 << 20)
        #expect(try listing.value() > 0)
    }

    @Test("a read that waits for the registry when its process ends is answered by the next one")
    func readUnderWay() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve(isHeld: true)
        let top = try kept.add(first)
        let reading = try Background { try Files.read(top + "/big/10m.bin", limit: 1 << 30).count }
        try waitUntil("the registry was asked") { !first.blob.ranges.isEmpty }
        // The answer that comes too late is for nobody.
        let release = try Background { first.blob.hold(false) }
        first.leave()
        try release.value()
        _ = try kept.serve()
        // Whether the first still stored what came, and the second found it there, is a matter of moments; the read is right either way.
        #expect(try reading.value() == 10_485_883)
    }

    @Test("a keeper that is killed is replaced, and the mount is handed over by the new one")
    func keeperKilled() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve()
        let top = try kept.add(first)
        let old = try kept.keepers()
        #expect(old.count == 1)
        old.forEach { kill($0, SIGKILL) }
        try waitUntil("there is another keeper") { try kept.keepers().contains { !old.contains($0) } }
        try waitUntil("it has the mount") { try Keepers.holdMount(of: kept.root, besides: old) }
        first.leave()
        _ = try kept.serve()
        #expect(try read(top + "/etc/conf").count == 500)
    }

    @Test("without keeper and process the mount is lost: the next process mounts anew, and old files fail in place of waiting")
    func bothKilled() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve()
        let top = try kept.add(first)
        let old = open(top, O_RDONLY | O_DIRECTORY)
        defer { close(old) }
        first.leave()
        try kept.keepers().forEach { kill($0, SIGKILL) }
        try waitUntil("the keeper has ended") { try kept.keepers().isEmpty }
        let second = try kept.serve()
        #expect(openat(old, "bin/tool", O_RDONLY) < 0 && errno == ENOTCONN)
        let new = try second.mount.add(second.layer, as: kept.contents).directory
        #expect(try read(new + "/etc/conf").count == 500)
        #expect(try Mounts.mountPoints().filter { $0.path == kept.root + "/lazy" }.count == 1)
    }

    @Test("slots that nobody wants any more go, and their numbers are not given out soon")
    func unclaimed() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve()
        let slot = try first.mount.add(first.layer, as: kept.contents).slot
        first.leave()
        let second = try kept.serve()
        let inherited = try #require(second.mount.claim { _ in true })
        second.mount.remove(inherited.mounted)
        #expect(!Files.exists(kept.root + "/lazy/\(slot)"))
        #expect(try second.mount.add(second.layer, as: kept.contents).slot == slot + 1)
        second.leave()
        let third = try kept.serve()
        #expect(third.mount.claim { _ in true }?.mounted.slot == slot + 1)
    }

    @Test("a layer that is lost keeps its slot's number from others")
    func lost() throws {
        let kept = try Kept()
        defer { kept.end() }
        let first = try kept.serve()
        let slot = try first.mount.add(first.layer, as: SlotContents(key: "unknown", origin: "memory")).slot
        first.leave()
        let second = try kept.serve()
        #expect(!Files.exists(kept.root + "/lazy/\(slot)"))
        #expect(try second.mount.add(second.layer, as: kept.contents).slot == slot + 1)
    }

    @Test("an end leaves no mount, no keeper and no file")
    func ended() throws {
        let kept = try Kept()
        let server = try kept.serve()
        _ = try server.mount.add(server.layer, as: kept.contents)
        kept.end()
        try waitUntil("the keeper has ended") { try kept.keepers().isEmpty }
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(kept.root) })
        #expect(!Files.exists(kept.root + "/keeper.sock") && !Files.exists(kept.root + "/lazy.mount"))
    }
}
