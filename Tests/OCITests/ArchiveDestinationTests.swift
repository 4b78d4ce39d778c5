import Digests
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("archives, written while their blobs are made")
struct ArchiveDestinationTests {
    private let directory: TemporaryDirectory
    private let blobs: [[UInt8]]

    init() throws {
        directory = try TemporaryDirectory(in: "/var/tmp")
        blobs = (1...3).map { number in (0..<300_000 * number).map { UInt8(truncatingIfNeeded: $0 &* (number + 1)) } }
    }

    private func descriptor(_ bytes: [UInt8]) -> Descriptor {
        Descriptor(mediaType: MediaType.layerTar, digest: Digest.sha256(bytes), size: Int64(bytes.count))
    }

    private func ingest(_ destination: any ImageDestination, _ budget: DiskBudget = DiskBudget(limit: 0)) async throws -> any BlobIngest {
        try await destination.ingest(IngestTerms(directory: "/nowhere", budget: budget))
    }

    private func publish(_ destination: any ImageDestination, _ layers: [[UInt8]]) async throws {
        let config = Array("{}".utf8)
        let manifest = try Documents.encode(Manifest(config: descriptor(config), layers: layers.map(descriptor)))
        try await destination.putBlob(descriptor(config), bytes: config)
        var root = descriptor(manifest)
        root.mediaType = MediaType.manifest
        try await destination.tag(root, bytes: manifest)
    }

    /// Names of the members of an archive, as tar lists them.
    private func members(_ path: String) throws -> [Substring] { try run("tar", ["-tf", path]).outputText.split(separator: "\n") }

    @Test("the blob whose turn it is needs no temporary file, however it is written, and those that wait are on the disk once")
    func turns() async throws {
        let path = directory.path + "/image.tar"
        let destination = ArchiveDestination(oci: path, tag: "v1")
        try await destination.check()
        let budgets = blobs.map { _ in DiskBudget(limit: 0) }
        var ingests: [any BlobIngest] = []
        for budget in budgets { ingests.append(try await ingest(destination, budget)) }
        let half = blobs.map { Array($0.prefix($0.count / 2)) }
        // The last is whole first, the second is half there when its turn comes.
        try await ingests[2].write(blobs[2])
        #expect(try await !ingests[2].commit(descriptor(blobs[2])))
        try await ingests[1].write(half[1])
        #expect(budgets[1].held == Int64(half[1].count) && budgets[2].held == Int64(blobs[2].count))
        try await ingests[0].write(blobs[0])
        #expect(try await !ingests[0].commit(descriptor(blobs[0])))
        try await ingests[1].write(Array(blobs[1].dropFirst(half[1].count)))
        #expect(budgets[0].peakAllocated == 0 && budgets[1].held == 0)
        #expect(try await !ingests[1].commit(descriptor(blobs[1])))
        #expect(budgets[2].held == 0)
        try await publish(destination, blobs)

        #expect(try Files.entries(directory.path) == ["image.tar"])
        let names = blobs.map { "blobs/sha256/\(descriptor($0).digest.hex)" }
        #expect(try members(path).prefix(3) == names[...].map { Substring($0) }[...])
        let source = try OCIArchiveSource(file: path, tag: "v1")
        for blob in blobs { #expect(try await content(of: descriptor(blob), in: source) == blob) }
        try run("skopeo", ["inspect", "--raw", "oci-archive:\(path):v1"])
    }

    @Test("the bytes do not depend on which blob is whole first, nor a blob that comes twice on which of them")
    func deterministic() async throws {
        let content = [blobs[0], blobs[1], blobs[0], blobs[2], blobs[1]]
        var archives: [[UInt8]] = []
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
            let path = directory.path + "/\(order[0]).tar"
            let destination = ArchiveDestination(oci: path, tag: nil)
            try await destination.check()
            var ingests: [any BlobIngest] = []
            for _ in content { ingests.append(try await ingest(destination)) }
            for index in order {
                try await ingests[index].write(content[index])
                _ = try await ingests[index].commit(descriptor(content[index]))
            }
            try await publish(destination, content)
            archives.append(try Files.read(path, limit: 1 << 30))
            #expect(try members(path).count == 3 + 1 + 1 + 2)
        }
        #expect(archives[0] == archives[1] && archives[0] == archives[2])
    }

    @Test("a blob that is there, or is given up, leaves its place to the next")
    func empty() async throws {
        let path = directory.path + "/image.tar"
        let destination = ArchiveDestination(oci: path, tag: nil)
        try await destination.check()
        let ingests = [try await ingest(destination), try await ingest(destination), try await ingest(destination)]
        try await ingests[2].write(blobs[1])
        _ = try await ingests[2].commit(descriptor(blobs[1]))
        try await ingests[0].write(blobs[0])
        _ = try await ingests[0].commit(descriptor(blobs[0]))
        #expect(try await ingests[1].claim(descriptor(blobs[0])))
        let other = try await ingest(destination)
        try await other.write(blobs[2])
        await other.abandon()
        try await publish(destination, [blobs[0], blobs[1]])
        #expect(
            try members(path).prefix(3).map { $0.suffix(64) }
                == [blobs[0], blobs[1], Array("{}".utf8)].map { descriptor($0).digest.hex[...] })
    }

    @Test("a blob without the size that its descriptor says is refused, and an archive that is given up leaves nothing")
    func refused() async throws {
        let destination = ArchiveDestination(docker: directory.path + "/image.tar", tag: nil)
        try await destination.check()
        let ingest = try await ingest(destination)
        try await ingest.write([1, 2, 3])
        await #expect(throws: LayoutError.self) { try await ingest.commit(descriptor(blobs[0])) }
        await ingest.abandon()
        await destination.abandon()
        #expect(try Files.entries(directory.path).isEmpty)
    }
}
