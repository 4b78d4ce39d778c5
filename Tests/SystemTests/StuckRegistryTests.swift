import ContainerdAPI
import Digests
import GRPCCore
import Glibc
import HostSystem
import Synchronization
import TestSupport
import Testing

/// A registry that takes questions and says nothing, and the calls that have to do with it or not.
@Suite("a registry that is stuck, and starlingd's other calls", .serialized)
struct StuckRegistryTests {
    private let fixture: SystemFixture
    private let proxy: FaultProxy
    private let daemon: StarlingDaemon
    private let client: SnapshotClient

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try FaultProxy(to: fixture.registry.port)
        // It never gives up by itself while these run.
        daemon = try StarlingDaemon(
            configuration: "no_background_fetch = true\nnoprefetch = true\n[resolver]\nrequest_timeout_sec = 3600\n")
        client = try SnapshotClient(daemon)
    }

    /// A Prepare that is under way.
    private final class Preparing: Sendable {
        private let isOver = Mutex(false)
        private let task = Mutex<Task<RPCError.Code?, any Error>?>(nil)

        init(_ client: SnapshotClient, _ key: String, labels: [String: String]) {
            let work = Task { [self] in
                defer { isOver.withLock { $0 = true } }
                return try await client.code { try await $0.prepare(key, labels: labels) }
            }
            task.withLock { $0 = work }
        }

        var hasEnded: Bool { isOver.withLock { $0 } }

        func cancel() { task.withLock { $0?.cancel() } }

        /// As `SnapshotClient.code`.
        func code() async throws -> RPCError.Code? { try await task.withLock { $0 }?.value }
    }

    /// Asks for the image's layer through the proxy, and returns when the registry has the question.
    private func prepareStuck(_ key: String) throws -> Preparing {
        let labels = try fixture.labels(target: "stuck", registry: proxy.address)
        proxy.run { _ in .silence }
        let before = proxy.requests.count
        let preparing = Preparing(client, key, labels: labels)
        try waitUntil("the registry was asked") { proxy.requests.count > before }
        return preparing
    }

    @Test("while one image's registry is stuck every other call answers, those for lazy layers of other images too")
    func others() async throws {
        let labels = try fixture.labels(target: "lazy", image: fixture.smallImage(3))
        let stuck = try prepareStuck("stuck key")
        try await client.prepare("key")
        #expect(try await client.mounts("key").count == 1)
        try await client.label("key", "a", "b")
        try await client.commit("key", as: "base")
        #expect(try await client.stat("base").kind == .committed)
        #expect(try await client.usage("base").inodes > 0)
        #expect(try await client.view("look", parent: "base").count == 1)
        try await client.prepare("above", parent: "base")
        #expect(try await client.code { try await $0.prepare("lazy key", labels: labels) } == .alreadyExists, "\(daemon.log)")
        try await client.prepare("on lazy", parent: "lazy")
        #expect(try await client.mounts("on lazy").count == 1)
        #expect(try await client.usage("lazy").inodes > 0)
        let names = try await client.list().map(\.name).sorted()
        #expect(names == ["above", "base", "lazy", "look", "on lazy"])
        for name in ["on lazy", "lazy", "above", "look", "base"] { try await client.remove(name) }
        try await client.cleanup()
        #expect(try await client.list().isEmpty)
        #expect(try Starling.succeed(["status", "--address", daemon.socket]).outputText.contains("mode"))
        #expect(!stuck.hasEnded, "the others have waited for it")
        proxy.run(nil)
        proxy.down()
        try proxy.up()
        #expect(try await stuck.code() == .alreadyExists, "\(daemon.log)")
    }

    @Test("an image with the same layer in a registry that works waits for nothing, and a hundred stuck calls are in nobody's way")
    func sameLayer() async throws {
        let stuck = try prepareStuck("stuck key")
        // Of layers that nobody has.
        let small = try fixture.labels(target: "", image: fixture.smallImage(3), registry: proxy.address)
        let more = (0..<100).map { number in
            var labels = small.merging(["containerd.io/snapshot.ref": "more \(number)"]) { $1 }
            labels["containerd.io/snapshot/cri.layer-digest"] = "\(Digest.sha256(Array("\(number)".utf8)))"
            return Preparing(client, "key \(number)", labels: labels)
        }
        // The others wait for a connection.
        try waitUntil("some of them ask") { Set(proxy.blobRequests.map(\.target)).count > 4 }
        let labels = try fixture.labels(target: "lazy", image: fixture.smallImage(4))
        #expect(try await client.code { try await $0.prepare("lazy key", labels: labels) } == .alreadyExists, "\(daemon.log)")
        // The same chain: as clients name what has the same layers.
        let same = try fixture.labels(target: "stuck")
        #expect(try await client.code { try await $0.prepare("same key", labels: same) } == .alreadyExists, "\(daemon.log)")
        #expect(more.allSatisfy { !$0.hasEnded }, "the others have waited for them")
        #expect(try await stuck.code() == .alreadyExists, "its layer is there now")
        try await client.prepare("container", parent: "stuck")
        #expect(try await client.mounts("container").count == 1)
    }

    @Test(
        "a daemon that is told to end while calls are stuck gives them their time and ends in order, and they leave nothing",
        arguments: [SIGINT, SIGTERM])
    func end(signal: Int32) async throws {
        let stuck = try prepareStuck("stuck key")
        #expect(try daemon.end(signal, deadline: .seconds(120)) == 0)
        #expect(try await stuck.code() == .unavailable)
        if signal == SIGINT { #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(daemon.root) }) }
        try daemon.start()
        #expect(try await SnapshotClient(daemon).list().isEmpty)
    }

    @Test("a client that gives up while its registry is stuck leaves nothing, nor does the registry's end; then the next try is lazy")
    func cancelled() async throws {
        let stuck = try prepareStuck("key")
        stuck.cancel()
        _ = try? await stuck.code()
        #expect(try await client.list().isEmpty)
        proxy.down()
        try waitUntil("the daemon gives up, too") { daemon.log.contains("layer is not lazy") }
        try await client.prepare("later")
        #expect(try await client.list().map(\.name) == ["later"])
        try await client.remove("later")
        try await client.cleanup()
        #expect(try Files.entries(daemon.root + "/snapshotter/snapshots").allSatisfy { $0.hasPrefix("metadata.db") })
        proxy.run(nil)
        try proxy.up()
        let labels = try fixture.labels(target: "stuck", registry: proxy.address)
        #expect(try await client.code { try await $0.prepare("key", labels: labels) } == .alreadyExists, "\(daemon.log)")
        #expect(try await client.list().map(\.name) == ["stuck"])
    }
}
