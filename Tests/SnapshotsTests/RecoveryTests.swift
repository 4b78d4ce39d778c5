import HostSystem
import Testing

@testable import Snapshots

@Suite("damaged metadata") struct RecoveryTests {
    private func database(_ bench: Bench) -> String { bench.root + "/snapshots/metadata.db" }

    /// Snapshots of half a page each, every second one on the one before.
    private func fill(_ bench: Bench) async throws {
        for number in 0..<30 {
            let labels = ["long": String(repeating: "x", count: 1500)]
            _ = try await bench.snapshotter().prepare("a\(number)", labels: labels)
            try await bench.snapshotter().commit("a\(number)", as: "base \(number)", labels: labels)
            _ = try await bench.snapshotter().prepare("above \(number)", parent: "base \(number)", labels: labels)
        }
        await bench.close()
    }

    @Test("rows that can be read are saved with their parents; the rest, and the file, are kept aside")
    func onePage() async throws {
        let bench = try Bench()
        try await fill(bench)
        var bytes = try Files.read(database(bench), limit: 16 << 20)
        bytes.replaceSubrange(10 * 4096..<11 * 4096, with: repeatElement(0x5a, count: 4096))
        try AtomicFile.write(bytes, to: database(bench))
        let error = #expect(throws: SnapshotError.self) { try bench.snapshotter() }
        guard case .damaged = error else { throw error ?? SnapshotError.notFound("an error") }
        guard case .recovered(let saved, let lost, let aside) = try MetadataRecovery.run(root: bench.root) else {
            Issue.record("not recovered")
            return
        }
        #expect(saved >= 50 && lost > 0 && saved + lost == 60)
        #expect(try Files.read(aside + "/metadata.db", limit: 16 << 20) == bytes)
        let kept = try Files.entries(aside).compactMap { Int64($0) }
        #expect(kept.count == lost)
        #expect(try MetadataRecovery.run(root: bench.root) == .healthy(path: database(bench)))
        let snapshotter = try bench.snapshotter()
        let all = try await snapshotter.list()
        #expect(all.count == saved)
        for info in all where info.kind == .active { #expect(try await !snapshotter.mounts(info.name).isEmpty) }
        // No number of a directory that is kept is given to another.
        _ = try await snapshotter.prepare("new")
        #expect(Files.isDirectory(bench.root + "/snapshots/61/fs"))
    }

    @Test("of a file that is no database any more nothing is saved, and nothing is thrown away", arguments: [true, false])
    func nothing(isThere: Bool) async throws {
        let bench = try Bench()
        try await fill(bench)
        if isThere { try AtomicFile.write([], to: database(bench)) } else { try Files.remove(database(bench)) }
        let error = #expect(throws: SnapshotError.self) { try bench.snapshotter() }
        #expect(error?.description.contains("directories of 60 snapshots") == true)
        guard case .recovered(0, 60, let aside) = try MetadataRecovery.run(root: bench.root) else {
            Issue.record("not recovered")
            return
        }
        #expect(try Files.entries(aside).compactMap { Int64($0) }.count == 60)
        #expect(try await bench.snapshotter().list().isEmpty)
    }

    @Test("nothing is recovered while somebody is at it, or where nothing is")
    func refused() async throws {
        let bench = try Bench()
        _ = try await bench.snapshotter().prepare("a")
        let error = #expect(throws: SnapshotError.self) { try MetadataRecovery.run(root: bench.root) }
        #expect(error?.description.contains("in use by process") == true)
        #expect(throws: SnapshotError.self) { try MetadataRecovery.run(root: "/nowhere") }
        await bench.close()
        #expect(try MetadataRecovery.run(root: bench.root) == .healthy(path: database(bench)))
    }
}
