import Glibc
import HostSystem
import Testing

@testable import Snapshots

/// Snapshots for user namespaces, over directories of the disk; lazy layers are in the system tests.
@Suite("Snapshots for user namespaces, as root")
struct MappedTests {
    private static let labels = [LayerLabels.userMap: "0:100000:65536", LayerLabels.groupMap: "0:200000:65536"]

    private func owner(_ path: String) throws -> [UInt32] {
        var status = stat()
        guard stat(path, &status) == 0 else { throw HostError.last("stat", path) }
        return [status.st_uid, status.st_gid]
    }

    /// Two committed layers, the upper one with a file of user 7.
    private func bench() async throws -> Bench {
        let bench = try Bench()
        try await bench.commitChain(["one", "two"])
        let file = bench.root + "/snapshots/2/fs/file"
        try AtomicFile.write([1], to: file)
        #expect(chown(file, 7, 8) == 0)
        return bench
    }

    private func lowers(_ mounts: [SnapshotMount]) throws -> [String] {
        let options = try #require(mounts.first?.options)
        let text = try #require(options.first { $0.hasPrefix("lowerdir=") })
        return text.dropFirst("lowerdir=".count).split(separator: ":").map(String.init)
    }

    @Test("lower directories are shown with the host's ids, the root belongs to the namespace's, and all of it goes with the snapshot")
    func mapped() async throws {
        let bench = try await bench()
        let snapshotter = try bench.snapshotter()
        let mounts = try await snapshotter.prepare("a", parent: "two", labels: Self.labels)
        let shown = try lowers(mounts)
        #expect(shown.count == 2)
        #expect(try owner(shown[0] + "/file") == [100_007, 200_008] && owner(shown[0]) == [100_000, 200_000])
        #expect(try owner(bench.root + "/snapshots/3/fs") == [100_000, 200_000])
        #expect(!Files.exists(shown[1] + "/file"))
        #expect(mounts.first?.options.contains { $0.hasPrefix("uidmap=") } == false)
        #expect(try await snapshotter.mounts("a") == mounts)
        let view = try await snapshotter.view("v", parent: "one", labels: Self.labels)
        #expect(try view.first?.type == "bind" && owner(view.first?.source ?? "") == [100_000, 200_000])

        // After a reboot nothing is mounted.
        for place in shown { try Mounts.unmount(place) }
        #expect(try await snapshotter.mounts("a") == mounts)
        #expect(try owner(shown[0] + "/file") == [100_007, 200_008])

        try await snapshotter.remove("a")
        try await snapshotter.remove("v")
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(bench.root) })
        try await snapshotter.waitForRemovals()
        #expect(try Files.entries(bench.root + "/snapshots").filter { !$0.hasPrefix("metadata") } == ["1", "2"])
    }

    @Test("what a client has given to the namespace itself is not mapped a second time")
    func shifted() async throws {
        let bench = try await bench()
        let snapshotter = try bench.snapshotter()
        _ = try await snapshotter.prepare("copy", parent: "two")
        #expect(chown(bench.root + "/snapshots/3/fs", 100_000, 200_000) == 0)
        try await snapshotter.commit("copy", as: "three")
        let shown = try lowers(await snapshotter.prepare("a", parent: "three", labels: Self.labels))
        #expect(shown.first == bench.root + "/snapshots/3/fs")
        try await snapshotter.remove("a")
    }

    @Test("without a parent the directory belongs to the namespace's root")
    func noParent() async throws {
        let bench = try Bench()
        let snapshotter = try bench.snapshotter()
        let mounts = try await snapshotter.prepare("a", labels: Self.labels)
        #expect(try owner(mounts.first?.source ?? "") == [100_000, 200_000])
    }

    @Test(
        "labels that make no mapping are refused, and leave nothing",
        arguments: [
            [LayerLabels.userMap: "0:1:1"], [LayerLabels.userMap: "0:1:1", LayerLabels.groupMap: "x"],
            [LayerLabels.userMap: "1:1:1", LayerLabels.groupMap: "0:1:1"],
        ])
    func refused(labels: [String: String]) async throws {
        let bench = try await bench()
        let snapshotter = try bench.snapshotter()
        let error = await failure { try await snapshotter.prepare("a", parent: "two", labels: labels) }
        #expect(error?.description.contains("containerd.io/snapshot/uidmapping") == true, "\(String(describing: error))")
        #expect(await failure { try await snapshotter.stat("a") } == .notFound("a"))
    }
}
