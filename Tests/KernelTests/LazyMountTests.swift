import ChunkStore
import Digests
import EStargz
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import Logging
import OCI
import TestSupport
import Testing
import Threads
import TreeImage

@Suite("the lazy mount", .serialized)
struct LazyMountTests {
    /// A fixture's layer on a mount of its own; everything is gone with `end`.
    struct Served {
        let directory: TemporaryDirectory
        let fixture: CompiledFixture
        let blob: MemoryBlob
        let layer: LazyLayer
        let fetcher: ChunkFetcher
        let mount: LazyMount
        let top: String

        init(_ variant: Int = 0, root: TemporaryDirectory? = nil) throws {
            try requireRoot()
            try requireFuse()
            directory = try root ?? TemporaryDirectory()
            fixture = try CompiledFixture(CompiledFixture.variants[variant])
            blob = MemoryBlob(fixture.image.blob)
            let store = try LayerStore(root: directory.path)
            let facts = LayerFacts(tocDigest: fixture.tocDigest, blobSize: UInt64(fixture.image.blob.count), format: "estargz")
            let stored =
                try store.layer(fixture.image.layer.digest, tocDigest: fixture.tocDigest)
                ?? store.add(fixture.image.layer.digest, fixture.compiled, facts: facts)
            layer = LazyLayer(stored: stored, source: blob)
            fetcher = try ChunkFetcher(store: store, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            mount = try LazyMount(at: MountPlace(path: directory.path + "/lazy"), fetcher: fetcher, log: Logger(label: "test"))
            top = try mount.add(layer).directory
        }

        func end() {
            fetcher.shutdown()
            mount.unmount()
        }
    }

    private func read(_ path: String) throws -> [UInt8] { try Files.read(path, limit: 1 << 30) }

    private func failure(_ path: String) -> Int32? {
        do {
            _ = try read(path)
            return nil
        } catch {
            return (error as? HostError)?.code
        }
    }

    @Test("the tree seen through FUSE is the unpacked layer, for every variant", arguments: CompiledFixture.variants.indices)
    func sameTree(variant: Int) throws {
        let served = try Served(variant)
        defer { served.end() }
        let differences = try TreeListing(served.top).comparable().differences(from: UnpackedLayer().listing)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        #expect(served.layer.stored.bytesPresent == served.layer.stored.chunks.contentBytes)
    }

    @Test("names and attributes need no data, and one file's read fetches a part of the blob")
    func lazily() throws {
        let served = try Served()
        defer { served.end() }
        var status = stat()
        #expect(lstat(served.top + "/big/10m.bin", &status) == 0 && status.st_size == 10_485_883)
        #expect(try Files.entries(served.top).contains("opaque"))
        #expect(!Files.exists(served.top + "/no-such-file") && !Files.exists(served.top + "/.no.prefetch.landmark"))
        #expect(served.blob.ranges.isEmpty)
        _ = try read(served.top + "/xattr")
        #expect(served.blob.ranges.count == 1)
        #expect(served.layer.statistics.snapshot.demandMisses >= 1)
    }

    @Test("what came along with a read is waste until it is read, and nothing is counted twice")
    func ahead() throws {
        let served = try Served()
        defer { served.end() }
        _ = try read(served.top + "/etc/conf")
        let (use, stored) = (served.layer.use, served.layer.stored)
        var here: UInt64 = 0
        try waitUntil("all that came along is here") {
            usleep(50_000)
            defer { here = stored.bytesPresent }
            return here == stored.bytesPresent
        }
        let before = use.prefetched
        #expect(before.hitBytes == 0 && before.wasteBytes > 0 && before.bytes < stored.bytesPresent)
        _ = try TreeListing(served.top)
        let after = use.prefetched
        #expect(after.wasteBytes == 0 && after.hitBytes >= before.bytes && after.bytes < stored.bytesPresent)
        let state = try read("\(served.top)/.stargz-snapshotter/\(served.layer.digest).json")
        #expect(String(decoding: state, as: UTF8.self).contains("\"hitSize\":\(after.hitBytes),\"size\":\(after.bytes),\"wasteSize\":0"))
    }

    @Test("what was read once is read again without the registry, also by another process's store")
    func stored() throws {
        let root = try TemporaryDirectory()
        let first = try Served(root: root)
        let content = try read(first.top + "/big/10m.bin")
        first.end()
        let second = try Served(root: root)
        defer { second.end() }
        #expect(try read(second.top + "/big/10m.bin") == content)
        #expect(second.blob.ranges.isEmpty)
    }

    @Test("a flipped byte in a chunk is EIO for that file only, nothing bad is kept, and it heals")
    func flippedChunk() throws {
        let served = try Served()
        defer { served.end() }
        let entry = try #require(served.fixture.toc.entries.first { $0.name == "bin/tool" })
        // In the middle of the compressed payload; the members before and after stay whole.
        let place = Int(entry.offset) + 30_000
        served.blob.flip(place)
        #expect(failure(served.top + "/bin/tool") == EIO)
        #expect(failure(served.top + "/bin/hard") == EIO)
        #expect(try read(served.top + "/etc/conf").count == 500)
        let digest = try #require(entry.chunkDigest)
        let index = try #require(served.layer.stored.chunks.first(of: digest, size: UInt64(entry.size)))
        #expect(!served.layer.stored.isPresent(index))
        served.blob.flip(place)
        #expect(Digest.sha256(try read(served.top + "/bin/tool")) == entry.digest)
    }

    @Test("many readers of one cold file cause one request")
    func singleFlight() async throws {
        let served = try Served()
        defer { served.end() }
        let path = served.top + "/big/exact4m"
        let digests = try await withThrowingTaskGroup(of: Digest.self) { group in
            for _ in 0..<8 { group.addTask { try await BlockingTask.run { try Digest.sha256(Files.read(path, limit: 1 << 30)) } } }
            return try await group.reduce(into: Set<Digest>()) { $0.insert($1) }
        }
        #expect(digests.count == 1)
        let entry = try #require(served.fixture.toc.entries.first { $0.name == "big/exact4m" })
        #expect(served.blob.ranges.filter { $0.contains(UInt64(entry.offset)) }.count == 1)
    }

    @Test("the mount refuses writes and answers statfs, xattrs and links as a file system should")
    func semantics() throws {
        let served = try Served()
        defer { served.end() }
        #expect(open(served.top + "/new", O_CREAT | O_WRONLY, 0o600) < 0 && errno == EROFS)
        var statistics = statvfs()
        #expect(statvfs(served.top, &statistics) == 0 && statistics.f_files > 20 && statistics.f_blocks > 4_000)
        var inodes: [UInt64] = []
        for name in ["bin/tool", "bin/hard", "bin/hard2"] {
            var status = stat()
            #expect(lstat(served.top + "/" + name, &status) == 0 && status.st_nlink == 3)
            inodes.append(UInt64(status.st_ino))
        }
        #expect(Set(inodes).count == 1)
    }

    @Test("the mount's root is for its owner alone: no user of the machine gets at the layers below")
    func root() throws {
        let served = try Served()
        defer { served.end() }
        var status = stat()
        #expect(lstat(served.mount.mountpoint, &status) == 0 && status.st_mode == S_IFDIR | 0o700 && status.st_uid == getuid())
    }

    @Test("nothing stays mounted")
    func unmounted() throws {
        let served = try Served()
        served.end()
        #expect(try !Mounts.mountPoints().contains { $0.path == served.mount.mountpoint })
    }
}
