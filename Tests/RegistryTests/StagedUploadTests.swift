import Digests
import HostSystem
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

/// Uploads of blobs whose digest is known last, to Debian's docker-registry, from files that may not become as large as the blobs.
@Suite("uploads that begin before the blob is whole", .serialized)
struct StagedUploadTests {
    private static let pieceSize = 1 << 20
    private static let budget = 2 << 20
    private let registry: RegistryServer
    private let directory: TemporaryDirectory
    private let bytes: [UInt8]
    private let blob: Descriptor

    init() throws {
        registry = try RegistryServer()
        directory = try TemporaryDirectory()
        var random = SystemRandomNumberGenerator()
        let words = (0..<700_000).map { _ in random.next() }
        bytes = words.withUnsafeBytes { Array($0) } + [1, 2, 3]
        blob = Descriptor(mediaType: "application/octet-stream", digest: Digest.sha256(bytes), size: Int64(bytes.count))
    }

    /// What came of an upload.
    private struct Outcome {
        var wasThere: Bool
        var peak: Int64
        var notices: [String]
    }

    private func client() -> RegistryClient {
        var options = RegistryOptions()
        options.plainHTTP = true
        options.uploadPieceSize = Int64(StagedUploadTests.pieceSize)
        return RegistryClient(options: options)
    }

    private func withDestination<Value>(
        _ address: String, _ repository: String = "app", origin: String? = nil, _ body: (RegistryDestination) async throws -> Value
    ) async throws -> Value {
        let client = client()
        defer { client.shutdown() }
        let origin = try origin.map { try Reference(parsing: "\(address)/\($0):1") }
        return try await body(
            RegistryDestination(client: client, reference: try Reference(parsing: "\(address)/\(repository):1"), origin: origin))
    }

    private func store(_ destination: RegistryDestination, limit: Int? = StagedUploadTests.budget) async throws -> Outcome {
        let budget = DiskBudget(limit: limit.map(Int64.init))
        let notices = Mutex<[String]>([])
        let terms = IngestTerms(directory: directory.path, budget: budget) { reason in notices.withLock { $0.append(reason) } }
        let wasThere = try await destination.ingest(terms).ending { ingest in
            try await ingest.write(bytes)
            return try await ingest.commit(blob)
        }
        #expect(try Files.entries(directory.path).isEmpty)
        return Outcome(wasThere: wasThere, peak: budget.peakAllocated, notices: notices.withLock { $0 })
    }

    private func store(through proxy: RequestProxy, limit: Int? = StagedUploadTests.budget) async throws -> Outcome {
        try await withDestination(proxy.address) { try await store($0, limit: limit) }
    }

    /// - Parameter leftovers: uploads that the registry has lost, and so keeps.
    private func expectBlob(_ repository: String = "app", leftovers: Int = 0) async throws {
        let client = client()
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(registry.address)/\(repository):1")
        #expect(try await client.blob(blob, of: reference).read(0..<UInt64(blob.size)) == bytes)
        #expect(try registry.uploads(repository).count == leftovers)
    }

    @Test("a blob that outgrows its budget arrives whole, and its file never holds more on the disk")
    func budget() async throws {
        let proxy = try RequestProxy(to: registry.port)
        let outcome = try await store(through: proxy)
        #expect(!outcome.wasThere && outcome.notices.isEmpty)
        #expect(outcome.peak <= StagedUploadTests.budget && outcome.peak > StagedUploadTests.budget / 2)
        #expect(proxy.count("POST") == 1 && proxy.count("PATCH") == 6 && proxy.count("PUT") == 1)
        // It was asked for when its digest was known: after as many pieces as there was no room for.
        let methods = proxy.requests.compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(methods == ["POST"] + Array(repeating: "PATCH", count: 4) + ["HEAD", "PATCH", "PATCH", "PUT"])
        try await expectBlob()
    }

    @Test("of a blob that fits nothing is sent before its digest is known")
    func fits() async throws {
        let proxy = try RequestProxy(to: registry.port)
        let outcome = try await store(through: proxy, limit: bytes.count + 100_000)
        #expect(proxy.requests.first?.hasPrefix("HEAD ") == true && proxy.count("HEAD") == 1)
        #expect(outcome.peak <= bytes.count + 100_000)
        try await expectBlob()
        let again = try await store(through: proxy, limit: bytes.count + 100_000)
        #expect(again.wasThere && proxy.count("POST") == 1 && proxy.count("PATCH") == 6)
    }

    @Test("a budget that is smaller than a piece is a piece")
    func least() async throws {
        let proxy = try RequestProxy(to: registry.port)
        let outcome = try await store(through: proxy, limit: 0)
        #expect(outcome.peak <= StagedUploadTests.pieceSize + (64 << 10))
        try await expectBlob()
    }

    @Test("a blob that turns out to be there gives up the upload that has begun: only what did not fit was sent")
    func alreadyThere() async throws {
        _ = try await withDestination(registry.address) { try await store($0, limit: nil) }
        let proxy = try RequestProxy(to: registry.port)
        let outcome = try await store(through: proxy, limit: bytes.count - StagedUploadTests.pieceSize)
        #expect(outcome.wasThere && outcome.peak <= bytes.count - StagedUploadTests.pieceSize)
        #expect(proxy.count("PATCH") == 2 && proxy.count("PUT") == 0 && proxy.count("DELETE") == 1)
        try await expectBlob()
    }

    @Test("a blob that is in the repository that is copied is mounted, and the upload that has begun is given up")
    func mounted() async throws {
        _ = try await withDestination(registry.address, "origin") { try await store($0) }
        let proxy = try RequestProxy(to: registry.port)
        let outcome = try await withDestination(proxy.address, "app", origin: "origin") { try await store($0) }
        #expect(outcome.wasThere && proxy.count("PUT") == 0 && proxy.count("PATCH") == 4)
        try await expectBlob()
    }

    @Test("a blob that is not in the repository that is copied either leaves one upload, which it ends")
    func notMounted() async throws {
        let proxy = try RequestProxy(to: registry.port)
        let outcome = try await withDestination(proxy.address, "app", origin: "origin") { try await store($0) }
        #expect(!outcome.wasThere && proxy.count("POST") == 1 && proxy.count("PUT") == 1)
        try await expectBlob()
    }

    @Test("a connection that is cut within an early piece costs that piece, where the registry keeps whole ones")
    func resumed() async throws {
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: StagedUploadTests.pieceSize * 3 / 2), holdsRequests: true)
        let outcome = try await store(through: proxy)
        #expect(proxy.cuts == 1 && proxy.count("POST") == 1)
        #expect(proxy.requests.contains { $0.hasPrefix("GET /v2/app/blobs/uploads/") })
        #expect(outcome.peak <= StagedUploadTests.budget)
        try await expectBlob()
    }

    @Test("an early upload that is lost begins anew while all of the blob is still here")
    func anew() async throws {
        // docker-registry refuses to go on within a piece, part of which it has.
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: StagedUploadTests.pieceSize / 2))
        let outcome = try await store(through: proxy)
        #expect(proxy.cuts == 1 && proxy.count("POST") == 2)
        #expect(outcome.peak <= StagedUploadTests.budget)
        try await expectBlob(leftovers: 1)
    }

    @Test("an early upload that is lost when its front is not here any more says so, and nothing is stored")
    func lost() async throws {
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: StagedUploadTests.pieceSize * 3 / 2))
        await #expect(throws: LostBlobError.self) { try await store(through: proxy) }
        #expect(proxy.cuts == 1 && proxy.count("PUT") == 0)
        #expect(try await !withDestination(registry.address) { try await $0.has(blob) })
    }

    @Test("a registry that is restarted midway loses the upload, and that is said")
    func restarted() async throws {
        let proxy = try RequestProxy(to: registry.port) { [registry] head, number in
            // What fails here fails as the next request.
            if head.hasPrefix("PATCH "), number == 3 { try? registry.restart() }
            return true
        }
        await #expect(throws: LostBlobError.self) { try await store(through: proxy) }
        #expect(proxy.count("PUT") == 0)
    }

    @Test("a registry that takes no pieces gets the blob in one request, from a file as large, and the next without trying")
    func refused() async throws {
        let proxy = try RequestProxy(to: registry.port, holdsRequests: true, refused: "PATCH")
        try await withDestination(proxy.address) { destination in
            let outcome = try await store(destination)
            #expect(outcome.notices == ["registry \(proxy.address) takes no blobs in pieces (405)"])
            #expect(outcome.peak >= bytes.count)
            #expect(proxy.count("PATCH") == 1 && proxy.count("PUT") == 1)
            try await expectBlob()
            let again = try await store(destination)
            #expect(again.wasThere && again.notices == outcome.notices && proxy.count("PATCH") == 1)
        }
    }

    @Test("a writer that waits for an upload is let go by a cancellation, and the upload is gone")
    func cancelled() async throws {
        let ingests = Mutex<(any BlobIngest)?>(nil)
        // Before the piece is sent on: the writer waits for it.
        let proxy = try RequestProxy(to: registry.port) { head, number in
            guard head.hasPrefix("PATCH "), number == 2 else { return true }
            ingests.withLock { $0 }?.cancel()
            return false
        }
        try await withDestination(proxy.address) { destination in
            let terms = IngestTerms(directory: directory.path, budget: DiskBudget(limit: 0))
            let ingest = try await destination.ingest(terms)
            ingests.withLock { $0 = ingest }
            await #expect(throws: (any Error).self) { try await ingest.write(bytes) }
            await #expect(throws: CancellationError.self) { try await ingest.write(bytes) }
            await ingest.abandon()
        }
        #expect(proxy.count("DELETE") == 1 && proxy.count("PUT") == 0)
        #expect(try registry.uploads("app").isEmpty)
        #expect(try await !withDestination(registry.address) { try await $0.has(blob) })
    }

    @Test("a blob that is copied from elsewhere needs a piece of disk, and none and no download when it is there or near")
    func copied() async throws {
        let elsewhere = try TemporaryDirectory()
        try AtomicFile.write(bytes, to: elsewhere.path + "/blob")
        let source = try BlobFile(elsewhere.path + "/blob")
        let opened = Mutex(0)
        for (repository, origin) in [("app", nil), ("app", nil), ("other", "app")] {
            let budget = DiskBudget(limit: 0)
            let wasThere = try await withDestination(registry.address, repository, origin: origin) { destination in
                try await destination.ingest(IngestTerms(directory: directory.path, budget: budget)).ending { ingest in
                    try await ingest.take(blob) {
                        opened.withLock { $0 += 1 }
                        return try await source.blob(blob)
                    }
                }
            }
            #expect(wasThere == (opened.withLock { $0 } == 1 && budget.peakAllocated == 0))
            #expect(budget.peakAllocated <= StagedUploadTests.pieceSize + (64 << 10))
            try await expectBlob(repository)
        }
        #expect(opened.withLock { $0 } == 1)
    }
}
