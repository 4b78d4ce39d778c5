import Glibc
import HostSystem
import Testing

@testable import Snapshots

@Suite struct SnapshotterTests {
    @Test("a snapshot without parent is its own directory, bound read-write or read-only")
    func mountsWithoutParent() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        let base = bench.root + "/snapshots"
        #expect(try await snapshotter.prepare("a") == [SnapshotMount(type: "bind", source: base + "/1/fs", options: ["rw", "rbind"])])
        #expect(try await snapshotter.view("v") == [SnapshotMount(type: "bind", source: base + "/2/fs", options: ["ro", "rbind"])])
    }

    @Test("an active snapshot on parents is an overlay with the topmost parent first, and Mounts says the same as Prepare")
    func mountsWithParents() async throws {
        let bench = try Bench()
        try await bench.commitChain(["one", "two"])
        let snapshotter = try bench.snapshotter()
        let base = bench.root + "/snapshots"
        let mounts = try await snapshotter.prepare("a", parent: "two")
        let mount = try #require(mounts.first)
        #expect(mounts.count == 1 && mount.type == "overlay" && mount.source == "overlay")
        #expect(
            mount.options.suffix(3) == [
                "workdir=\(base)/3/work", "upperdir=\(base)/3/fs", "lowerdir=\(base)/2/fs:\(base)/1/fs",
            ])
        #expect(try await snapshotter.mounts("a") == mounts)
        #expect(Files.isDirectory(base + "/3/work"))
    }

    @Test("a view binds its only parent read-only and overlays several")
    func views() async throws {
        let bench = try Bench()
        try await bench.commitChain(["one", "two"])
        let snapshotter = try bench.snapshotter()
        let base = bench.root + "/snapshots"
        #expect(
            try await snapshotter.view("v1", parent: "one") == [
                SnapshotMount(type: "bind", source: base + "/1/fs", options: ["ro", "rbind"])
            ])
        let overlay = try await snapshotter.view("v2", parent: "two")
        #expect(overlay.first?.type == "overlay")
        #expect(overlay.first?.options.last == "lowerdir=\(base)/2/fs:\(base)/1/fs")
        #expect(overlay.first?.options.contains { $0.hasPrefix("upperdir") } == false)
        #expect(!Files.exists(base + "/3/work"))
    }

    @Test("commit frees the key, keeps the parent, and replaces the labels")
    func commit() async throws {
        let bench = try Bench()
        try await bench.commitChain(["one"])
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("key", parent: "one", labels: ["old": "1"])
        try await snapshotter.commit("key", as: "name", labels: ["new": "2", "empty": ""])
        let info = try await snapshotter.stat("name")
        #expect(info.kind == .committed && info.parent == "one" && info.labels == ["new": "2"])
        #expect(info.created == info.updated)
        #expect(await failure { try await snapshotter.stat("key") } == .notFound("key"))
        #expect(try await snapshotter.prepare("key").count == 1)
    }

    @Test("calls that do not fit are refused by what is wrong with them")
    func refusals() async throws {
        let bench = try Bench()
        try await bench.commitChain(["one", "two"])
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("active")
        _ = try await snapshotter.view("view", parent: "one")
        #expect(await failure { try await snapshotter.prepare("active") } == .alreadyExists("active"))
        #expect(await failure { try await snapshotter.view("active") } == .alreadyExists("active"))
        #expect(await failure { try await snapshotter.prepare("x", parent: "none") } == .notFound("none"))
        #expect(await failure { try await snapshotter.prepare("x", parent: "active") } == .parentNotCommitted("active"))
        #expect(await failure { try await snapshotter.view("x", parent: "view") } == .parentNotCommitted("view"))
        #expect(await failure { try await snapshotter.commit("active", as: "one") } == .alreadyExists("one"))
        #expect(await failure { try await snapshotter.commit("none", as: "x") } == .notFound("none"))
        #expect(await failure { try await snapshotter.commit("view", as: "x") } == .wrongKind(name: "view", kind: .view, call: "Commit"))
        #expect(await failure { try await snapshotter.commit("one", as: "x") } == .wrongKind(name: "one", kind: .committed, call: "Commit"))
        #expect(await failure { try await snapshotter.mounts("one") } == .wrongKind(name: "one", kind: .committed, call: "Mounts"))
        #expect(await failure { try await snapshotter.mounts("none") } == .notFound("none"))
        #expect(await failure { try await snapshotter.remove("one") } == .hasChildren("one"))
        #expect(await failure { try await snapshotter.remove("none") } == .notFound("none"))
        #expect(await failure { try await snapshotter.usage("none") } == .notFound("none"))
        #expect(await failure { try await snapshotter.prepare("") } != nil)
        let names = try Files.entries(bench.root + "/snapshots").filter { !$0.hasPrefix("metadata.db") }
        #expect(names == ["1", "2", "3", "4"])
    }

    @Test("the new root takes over owner and mode of the parent's root")
    func rootAttributes() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        let base = bench.root + "/snapshots"
        _ = try await snapshotter.prepare("base")
        chmod(base + "/1/fs", 0o1750)
        if geteuid() == 0 { chown(base + "/1/fs", 12, 34) }
        try await snapshotter.commit("base", as: "one")
        _ = try await snapshotter.prepare("child", parent: "one")
        var status = stat()
        #expect(stat(base + "/2/fs", &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o1750)
        if geteuid() == 0 { #expect(status.st_uid == 12 && status.st_gid == 34) }
    }

    @Test("a removed snapshot is gone at once, and its directory soon")
    func remove() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("a")
        try AtomicFile.write([1, 2, 3], to: bench.root + "/snapshots/1/fs/file")
        try await snapshotter.remove("a")
        #expect(await failure { try await snapshotter.stat("a") } == .notFound("a"))
        try await snapshotter.waitForRemovals()
        #expect(try Files.entries(bench.root + "/snapshots").allSatisfy { $0.hasPrefix("metadata.db") })
        #expect(try await snapshotter.prepare("a").first?.source == bench.root + "/snapshots/2/fs")
    }

    @Test("cleanup removes directories that have no row, and nothing else")
    func cleanup() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("a")
        try Files.makeDirectories(bench.root + "/snapshots/77/fs/deep")
        try Files.makeDirectories(bench.root + "/snapshots/rm-5-1/fs")
        try await snapshotter.cleanup()
        let names = try Files.entries(bench.root + "/snapshots").filter { !$0.hasPrefix("metadata.db") }
        #expect(names == ["1"])
    }

    @Test("usage counts blocks and inodes of the upper directory, hard links once, and is kept at commit")
    func usage() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("a")
        let fs = bench.root + "/snapshots/1/fs"
        let empty = try await snapshotter.usage("a")
        #expect(empty.inodes == 1)
        try AtomicFile.write([UInt8](repeating: 7, count: 100_000), to: fs + "/file")
        link(fs + "/file", fs + "/same")
        try Files.makeDirectories(fs + "/directory")
        symlink("/", fs + "/link")
        let full = try await snapshotter.usage("a")
        #expect(full.inodes == 4)
        #expect(full.bytes - empty.bytes >= 100_000 && full.bytes - empty.bytes < 150_000)
        try await snapshotter.commit("a", as: "one")
        #expect(try await snapshotter.usage("one") == full)
        _ = try await snapshotter.view("v", parent: "one")
        #expect(try await snapshotter.usage("v") == SnapshotUsage(bytes: 0, inodes: 0))
    }

    @Test("update changes single labels or all, removes empty ones, and refuses other fields")
    func update() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("a", labels: ["l1": "v1", "l2": "v2", "l3": "v3"])
        let before = try await snapshotter.stat("a")
        let single = try await snapshotter.update("a", labels: ["l1": "new", "l4": "ignored"], fields: ["labels.l1", "labels.l2"])
        #expect(single.labels == ["l1": "new", "l3": "v3"])
        #expect(single.created == before.created && single.updated > before.updated)
        #expect(try await snapshotter.update("a", labels: ["x": "1", "y": ""], fields: ["labels"]).labels == ["x": "1"])
        #expect(try await snapshotter.update("a", labels: ["z": "2"]).labels == ["z": "2"])
        let refusal = await failure { try await snapshotter.update("a", labels: [:], fields: ["parent"]) }
        #expect(refusal?.description == "snapshot a: the field parent cannot be changed, only labels can")
        #expect(await failure { try await snapshotter.update("none", labels: [:]) } == .notFound("none"))
    }

    @Test("a root directory with a character that separates overlay options is refused", arguments: ["/tmp/a:b", "/tmp/a,b", "relative"])
    func badRoot(root: String) throws {
        let layers = FakeLayers(directory: "/nonexistent")
        #expect(throws: SnapshotError.self) { try Snapshotter(root: root, layers: layers, log: LogRecorder().logger) }
        #expect(!Files.exists(root))
    }

    @Test("a second snapshotter on the same root is refused, and says who holds it")
    func locked() async throws {
        let bench = try Bench()
        _ = try bench.snapshotter()
        let error = #expect(throws: SnapshotError.self) {
            try Snapshotter(root: bench.root, layers: bench.layers, log: bench.log.logger)
        }
        #expect(error?.description.contains("in use by process \(getpid())") == true)
    }

    @Test("a damaged database is one clear line")
    func damaged() throws {
        let bench = try Bench()
        try Files.makeDirectories(bench.root + "/snapshots")
        try AtomicFile.write([UInt8](repeating: 0x61, count: 8192), to: bench.root + "/snapshots/metadata.db")
        let error = #expect(throws: SnapshotError.self) { try bench.snapshotter() }
        #expect(error?.description.contains("metadata.db: damaged (file is not a database); `starlingd recover`") == true)
    }
}
