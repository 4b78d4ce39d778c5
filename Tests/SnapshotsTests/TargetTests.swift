import Digests
import HostSystem
import Logging
import OCI
import Synchronization
import Testing

@testable import Snapshots

@Suite struct TargetTests {
    let layer = digest("layer")

    @Test("a layer that can be lazy becomes the committed target, and containerd's look-up finds it")
    func lazy() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        let labels = layerLabels(target: "chain", digest: layer)
        #expect(await failure { try await snapshotter.prepare("k1/extract", labels: labels) } == .targetExists("chain"))
        let found = try await snapshotter.list(filters: ["labels.\"containerd.io/snapshot.ref\"==chain,parent==\"\""])
        let info = try #require(found.first)
        #expect(info.kind == .committed && info.name == "chain" && info.parent == "")
        #expect(info.labels == labels.merging([LayerLabels.remote: "remote snapshot"]) { $1 })
        #expect(await failure { try await snapshotter.stat("k1/extract") } == .notFound("k1/extract"))
        #expect(bench.layers.mounted == [layer])
        #expect(try await snapshotter.usage("chain") == SnapshotUsage(bytes: 4096, inodes: 7))

        let mounts = try await snapshotter.prepare("container", parent: "chain")
        #expect(mounts.first?.options.last == "lowerdir=" + bench.layers.path(layer))
        let line = try #require(bench.log.lines.first { $0.metadata["remote-snapshot-prepared"] != nil })
        #expect(line.metadata["remote-snapshot-prepared"] == "true" && line.metadata["key"] == "k1/extract")
    }

    @Test("a target that is there is answered without asking the layer again")
    func existing() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        let labels = layerLabels(target: "chain", digest: layer)
        for key in ["k1", "k2"] {
            #expect(await failure { try await snapshotter.prepare(key, labels: labels) } == .targetExists("chain"))
        }
        // A committed snapshot of that very name counts, whoever made it.
        try await bench.commitChain(["plain"])
        _ = try await snapshotter.update("plain", labels: [LayerLabels.target: "plain"])
        #expect(await failure { try await snapshotter.prepare("k3", labels: [LayerLabels.target: "plain"]) } == .targetExists("plain"))
        #expect(bench.layers.mountCount == 1)
    }

    @Test("the same target on another parent is another snapshot")
    func otherParent() async throws {
        let bench = try Bench()
        try await bench.commitChain(["default/1/base"])
        let snapshotter = try bench.snapshotter()
        _ = await failure { try await snapshotter.prepare("a", labels: layerLabels(target: "base", digest: digest("base"))) }
        let labels = layerLabels(target: "top", digest: layer)
        for parent in ["base", "default/1/base"] {
            #expect(await failure { try await snapshotter.prepare("k", parent: parent, labels: labels) } == .targetExists("top"))
            let filter = "labels.\"containerd.io/snapshot.ref\"==top,parent==\"\(parent)\""
            #expect(try await snapshotter.list(filters: [filter]).map(\.kind) == [.committed])
        }
        #expect(bench.layers.state.withLock { $0.mountCalls.count } == 2)
        try await snapshotter.remove("top")
        #expect(bench.layers.mounted.contains(layer))
    }

    @Test("a layer that cannot be lazy is an ordinary active snapshot, and the reason is logged once")
    func refused() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.refuse("no eStargz footer")
        let labels = layerLabels(target: "chain", digest: layer)
        let mounts = try await snapshotter.prepare("key", labels: labels)
        #expect(mounts.first?.type == "bind")
        #expect(try await snapshotter.stat("key").kind == .active)
        #expect(try await snapshotter.stat("key").labels[LayerLabels.notLazy] == "no eStargz footer")
        let lines = bench.log.lines.filter { $0.metadata["remote-snapshot-prepared"] == "false" }
        #expect(lines.map { $0.metadata["reason"] } == ["no eStargz footer"])
        try await snapshotter.commit("key", as: "default/3/chain", labels: labels)
        #expect(try await snapshotter.stat("default/3/chain").labels[LayerLabels.remote] == nil)
    }

    @Test(
        "labels that name no layer mean an ordinary snapshot, with the reason",
        arguments: [
            ([:], "neither the label containerd.io/snapshot/cri.image-ref nor"),
            ([LayerLabels.criReference: "app"], "neither the label containerd.io/snapshot/cri.layer-digest nor"),
            ([LayerLabels.stargzReference: "Bad Name", LayerLabels.stargzDigest: "sha256:1"], "invalid image reference \"Bad Name\""),
            ([LayerLabels.stargzReference: "app", LayerLabels.stargzDigest: "sha256:1"], "digest \"sha256:1\""),
        ] as [([String: String], String)])
    func unnamed(labels: [String: String], reason: String) async throws {
        let bench = try Bench()
        _ = try await bench.snapshotter().prepare("key", labels: labels.merging([LayerLabels.target: "chain"]) { $1 })
        let line = try #require(bench.log.lines.first { $0.metadata["remote-snapshot-prepared"] == "false" })
        #expect(line.metadata["reason"]?.contains(reason) == true, "\(line.metadata)")
        #expect(bench.layers.mountCount == 0)
    }

    @Test("both label sets name the layer, CRI's first, and a sibling list that was cut short is used as far as it goes")
    func labelSets() throws {
        let other = digest("other")
        var labels = [
            LayerLabels.stargzReference: "docker.io/library/app:2", LayerLabels.stargzDigest: "\(layer)",
            LayerLabels.stargzLayers: "\(layer),\(other),sha256:12",
        ]
        let request = try LayerLabels.request(from: labels)
        #expect(request.reference.description == "docker.io/library/app:2" && request.digest == layer)
        #expect(request.siblings == [layer, other])
        #expect(request.annotations == labels)
        labels[LayerLabels.size] = "77"
        labels[LayerLabels.annotationPrefix + "io.containers.x"] = "y"
        #expect(try LayerLabels.request(from: labels).size == 77)
        #expect(try LayerLabels.request(from: labels).annotations["io.containers.x"] == "y")
        labels[LayerLabels.criReference] = "127.0.0.1:5000/cri:3"
        #expect(try LayerLabels.request(from: labels).reference.description == "127.0.0.1:5000/cri:3")
    }

    @Test("a layer in several chains is mounted once and unmounted with the last")
    func shared() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        for target in ["c1", "c2"] {
            _ = await failure { try await snapshotter.prepare("k", labels: layerLabels(target: target, digest: layer)) }
        }
        #expect(bench.layers.mountCount == 1)
        try await snapshotter.remove("c1")
        #expect(bench.layers.mounted == [layer])
        try await snapshotter.remove("c2")
        while !bench.layers.mounted.isEmpty { await Task.yield() }
        _ = await failure { try await snapshotter.prepare("k", labels: layerLabels(target: "c3", digest: layer)) }
        #expect(bench.layers.mountCount == 2 && bench.layers.mounted == [layer])
    }

    @Test("a hundred equal Prepares at once ask for the layer once, and all are told that the target exists")
    func singleFlight() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.hold()
        let labels = layerLabels(target: "chain", digest: layer)
        let failures = Task {
            await withTaskGroup(of: SnapshotError?.self) { group in
                for index in 0..<100 {
                    group.addTask { await failure { try await snapshotter.prepare("k\(index)", labels: labels) } }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        while bench.layers.mountCount == 0 { await Task.yield() }
        // Another image does not wait for this one's network.
        try await bench.commitChain(["other"])
        _ = try await snapshotter.prepare("container", parent: "other")
        bench.layers.open()
        #expect(await failures.value.allSatisfy { $0 == .targetExists("chain") })
        #expect(bench.layers.mountCount == 1)
        #expect(try await snapshotter.list().count == 3)
    }

    @Test("a reason is logged once as something to look at, however often the layer is asked for")
    func once() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.refuse("no eStargz footer")
        for key in 0..<5 { _ = try await snapshotter.prepare("k\(key)", labels: layerLabels(target: "chain", digest: layer)) }
        let lines = bench.log.lines.filter { $0.metadata["remote-snapshot-prepared"] == "false" }
        #expect(lines.map(\.level) == [.warning, .debug, .debug, .debug, .debug])
    }

    @Test(
        "a layer that is not meant to be lazy is left to the client, whether that shows before it is mounted or after", arguments: [0, 1])
    func aversion(questions: Int) async throws {
        let bench = try Bench(requiresLazy: true)
        let snapshotter = try bench.snapshotter()
        bench.layers.state.withLock { $0.aversion = ("too small", questions) }
        _ = try await snapshotter.prepare("key", labels: layerLabels(target: "chain", digest: layer))
        #expect(try await snapshotter.stat("key").labels[LayerLabels.notLazy] == "too small")
        #expect(bench.layers.mountCount == questions)
        while !bench.layers.mounted.isEmpty { await Task.yield() }
    }

    @Test("where layers must be lazy, one that cannot be is an error with the reason, and leaves nothing")
    func required() async throws {
        let bench = try Bench(requiresLazy: true)
        let snapshotter = try bench.snapshotter()
        bench.layers.refuse("no eStargz footer")
        let error = await failure { try await snapshotter.prepare("key", labels: layerLabels(target: "chain", digest: layer)) }
        #expect(error == .mustBeLazy(target: "chain", reason: "no eStargz footer"))
        #expect(try await snapshotter.list().isEmpty)
        #expect(await failure { try await snapshotter.prepare("key", labels: [LayerLabels.target: "chain"]) } != nil)
        #expect(bench.layers.state.withLock { $0.unnamed } == ["chain"])
        // Who asks for no target gets an ordinary snapshot: containers do.
        #expect(try await !snapshotter.prepare("container").isEmpty)
    }

    @Test("layers above one that is not lazy stay lazy")
    func above() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.refuse("an ordinary layer")
        _ = try await snapshotter.prepare("k1", labels: layerLabels(target: "base", digest: digest("base")))
        try await snapshotter.commit("k1", as: "base", labels: [LayerLabels.target: "base"])
        bench.layers.refuse(nil)
        let labels = layerLabels(target: "top", digest: layer)
        #expect(await failure { try await snapshotter.prepare("k2", parent: "base", labels: labels) } == .targetExists("top"))
        let lower = try await snapshotter.prepare("container", parent: "top").first?.options.last
        #expect(lower?.hasPrefix("lowerdir=\(bench.layers.path(layer)):") == true && lower?.hasSuffix("/fs") == true)
    }

    @Test("equal Prepares of a layer that cannot be lazy all become ordinary snapshots, and one line is logged")
    func singleRefusal() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        bench.layers.refuse("not today")
        bench.layers.hold()
        let labels = layerLabels(target: "chain", digest: layer)
        async let first = snapshotter.prepare("k1", labels: labels)
        while bench.layers.mountCount == 0 { await Task.yield() }
        async let second = snapshotter.prepare("k2", labels: labels)
        try await Task.sleep(for: .milliseconds(50))
        bench.layers.open()
        #expect(try await [first.count, second.count] == [1, 1])
        #expect(try await snapshotter.list(filters: ["kind==active"]).count == 2)
    }

    @Test("different targets are made at the same time, each with its own directory")
    func manyTargets() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let labels = layerLabels(target: "chain\(index)", digest: digest("\(index)"))
                    #expect(await failure { try await snapshotter.prepare("k\(index)", labels: labels) } == .targetExists("chain\(index)"))
                }
            }
        }
        #expect(try await snapshotter.list(filters: ["kind==committed"]).count == 100)
        #expect(bench.layers.mounted.count == 100)
        let names = try Files.entries(bench.root + "/snapshots").filter { !$0.hasPrefix("metadata.db") }
        #expect(names.count == 100 && names.allSatisfy { Int($0) != nil })
    }
}
