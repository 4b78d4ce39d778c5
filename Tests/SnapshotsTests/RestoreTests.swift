import Digests
import HostSystem
import Logging
import OCI
import Synchronization
import Testing

@testable import Snapshots

@Suite struct RestoreTests {
    @Test("everything is there after a kill, and lazy layers are mounted again")
    func reopen() async throws {
        let bench = try Bench()
        try await bench.commitChain(["one"])
        let labels = layerLabels(target: "chain", digest: digest("layer"))
        _ = await failure { try await bench.snapshotter().prepare("k", parent: "one", labels: labels) }
        // The mount does not depend on labels that someone changed later.
        _ = try await bench.snapshotter().update("chain", labels: [LayerLabels.target: "chain"])
        let before = try await bench.snapshotter().prepare("container", parent: "chain")
        let list = try await bench.snapshotter().list()

        let snapshotter = try await bench.reopen()
        try await snapshotter.restoreLayers()
        #expect(bench.layers.mounted == [digest("layer")])
        // Without the image's other layers: each of those that are lazy is mounted for its own snapshot.
        let own = labels.filter { $0.key != LayerLabels.criLayers }
        #expect(bench.layers.state.withLock { $0.mountCalls.last?.annotations } == own)
        #expect(try await snapshotter.list() == list)
        #expect(try await snapshotter.mounts("container") == before)
        #expect(bench.layers.mountCount == 2)
        try await snapshotter.remove("container")
        try await snapshotter.remove("chain")
        while !bench.layers.mounted.isEmpty { await Task.yield() }
    }

    @Test("with the registry down the snapshotter starts, Mounts says why, and the next call tries again")
    func registryDown() async throws {
        let bench = try Bench()
        for index in 0..<40 {
            let labels = layerLabels(target: "chain\(index)", digest: digest("\(index)"))
            _ = await failure { try await bench.snapshotter().prepare("k", labels: labels) }
        }
        let mounts = try await bench.snapshotter().prepare("container", parent: "chain7")
        bench.layers.refuse("connection refused")
        let snapshotter = try await bench.reopen()
        try await snapshotter.restoreLayers(width: 3)
        #expect(bench.layers.mountCount == 80)
        #expect(bench.log.lines.filter { $0.metadata["reason"] == "connection refused" }.count == 40)
        let unavailable = SnapshotError.layerUnavailable(snapshot: "container", layer: digest("7"), reason: "connection refused")
        #expect(await failure { try await snapshotter.mounts("container") } == unavailable)
        bench.layers.refuse(nil)
        #expect(try await snapshotter.mounts("container") == mounts)
    }

    @Test("a layer that one registry refuses is asked from another image's")
    func otherRegistry() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.state.withLock { $0.refusedRegistry = "down.example" }
        bench.layers.hold()
        let bad = layerLabels(target: "c1", digest: digest("layer"), image: "down.example/app")
        let good = layerLabels(target: "c2", digest: digest("layer"), image: "up.example/app")
        async let first = failure { try await snapshotter.prepare("k1", labels: bad) }
        while bench.layers.mountCount == 0 { await Task.yield() }
        async let second = failure { try await snapshotter.prepare("k2", labels: good) }
        try await Task.sleep(for: .milliseconds(50))
        bench.layers.open()
        // The second may have it before the first has heard that there is nothing.
        #expect([nil, .targetExists("c1")].contains(await first))
        #expect(await second == .targetExists("c2"))
    }

    @Test("a layer that one registry keeps waiting is had from another image's at once, for the same target too, and is mounted once")
    func stuckRegistry() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.state.withLock { $0.heldRegistry = "stuck.example" }
        let stuck = layerLabels(target: "c", digest: digest("layer"), image: "stuck.example/app")
        let good = layerLabels(target: "c", digest: digest("layer"), image: "up.example/app")
        let isOver = Mutex(false)
        async let first = {
            defer { isOver.withLock { $0 = true } }
            return await failure { try await snapshotter.prepare("k1", labels: stuck) }
        }()
        while bench.layers.mountCount == 0 { await Task.yield() }
        #expect(await failure { try await snapshotter.prepare("k2", labels: good) } == .targetExists("c"))
        #expect(try await snapshotter.prepare("container", parent: "c").count == 1)
        #expect(!isOver.withLock { $0 } && bench.layers.mountCount == 2)
        bench.layers.open()
        #expect(await first == .targetExists("c"))
        #expect(try await snapshotter.list().count == 2 && bench.layers.mounted == [digest("layer")])
        // Nobody counts twice.
        for name in ["container", "c"] { try await snapshotter.remove(name) }
        while !bench.layers.mounted.isEmpty { await Task.yield() }
    }

    @Test("told to clean up, the snapshotter does not wait for a registry that is stuck, and what comes of it later is dropped")
    func unmountStuck() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.hold()
        async let first = failure { try await snapshotter.prepare("k", labels: layerLabels(target: "c", digest: digest("layer"))) }
        while bench.layers.mountCount == 0 { await Task.yield() }
        await snapshotter.unmountLayers()
        bench.layers.open()
        #expect(await first == .layerUnavailable(snapshot: "c", layer: digest("layer"), reason: "the daemon ends"))
        #expect(bench.layers.mounted.isEmpty)
    }

    @Test("what a kill leaves half-done is removed at the next start")
    func leftovers() async throws {
        let bench = try Bench()
        _ = try await bench.snapshotter().prepare("a")
        let base = bench.root + "/snapshots"
        try Files.makeDirectories(base + "/new-abcdef/fs")  // killed while creating
        try Files.makeDirectories(base + "/2/fs")  // killed between rename and commit: the next id
        try Files.makeDirectories(base + "/rm-9-1/fs/x/y")  // killed while removing
        let snapshotter = try await bench.reopen()
        try await snapshotter.waitForRemovals()
        #expect(try Files.entries(base).filter { !$0.hasPrefix("metadata.db") } == ["1"])
        _ = try await snapshotter.prepare("b")
        #expect(Files.isDirectory(base + "/2/work"))
    }

    @Test("an id whose directory was left by a failed transaction is used all the same")
    func reusedIdentifier() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        try Files.makeDirectories(bench.root + "/snapshots/1/fs/rubbish")
        _ = try await snapshotter.prepare("a")
        #expect(try Files.entries(bench.root + "/snapshots/1/fs").isEmpty)
    }

    @Test("a lost directory is made anew when it held nothing, else the snapshot says that it is missing")
    func lostDirectories() async throws {
        let bench = try Bench()
        let labels = layerLabels(target: "lazy", digest: digest("layer"))
        _ = await failure { try await bench.snapshotter().prepare("k", labels: labels) }
        _ = try await bench.snapshotter().view("view", parent: "lazy")
        _ = try await bench.snapshotter().prepare("lost", parent: "lazy")
        for id in 1...3 { try Files.remove(bench.root + "/snapshots/\(id)") }
        let snapshotter = try await bench.reopen()
        #expect(Files.isDirectory(bench.root + "/snapshots/1") && Files.isDirectory(bench.root + "/snapshots/2/fs"))
        #expect(try await snapshotter.mounts("view").first?.source == bench.layers.path(digest("layer")))
        let missing = SnapshotError.directoryMissing(snapshot: "lost", path: bench.root + "/snapshots/3/fs")
        #expect(await failure { try await snapshotter.mounts("lost") } == missing)
        #expect(bench.log.lines.contains { $0.level == .error && $0.metadata["snapshot"] == "lost" })
        try await snapshotter.remove("lost")
    }

    @Test("told to clean up, the snapshotter unmounts all layers")
    func unmount() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        for index in 0..<5 {
            _ = await failure { try await snapshotter.prepare("k", labels: layerLabels(target: "c\(index)", digest: digest("\(index)"))) }
        }
        await snapshotter.unmountLayers()
        #expect(bench.layers.mounted.isEmpty)
        #expect(bench.layers.state.withLock { $0.unmountCalls.count } == 5)
    }
}
