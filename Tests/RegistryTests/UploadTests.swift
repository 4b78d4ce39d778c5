import Digests
import HostSystem
import OCI
import Registry
import TestSupport
import Testing

/// Uploads to Debian's docker-registry, behind proxies that cut connections.
@Suite("uploads", .serialized)
struct UploadTests {
    private static let pieceSize = 1 << 20
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

    private func client(pieceSize: Int = UploadTests.pieceSize, retries: Int = 5) -> RegistryClient {
        var options = RegistryOptions()
        options.plainHTTP = true
        options.uploadPieceSize = Int64(pieceSize)
        options.retries = retries
        return RegistryClient(options: options)
    }

    private func upload(through proxy: RequestProxy, _ client: RegistryClient, repository: String = "app") async throws {
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(proxy.address)/\(repository):1")
        try await upload(to: RegistryDestination(client: client, reference: reference))
    }

    /// Uploads the blob from a file that nothing is sent of before it is whole.
    private func upload(to destination: RegistryDestination) async throws {
        let terms = IngestTerms(directory: directory.path, budget: DiskBudget(limit: nil))
        _ = try await destination.ingest(terms).ending { ingest in
            try await ingest.write(bytes)
            return try await ingest.commit(blob)
        }
    }

    private func expectBlob(repository: String = "app") async throws {
        let client = client()
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(registry.address)/\(repository):1")
        #expect(try await client.blob(blob, of: reference).read(0..<UInt64(blob.size)) == bytes)
    }

    @Test("a large blob goes in pieces")
    func pieces() async throws {
        let proxy = try RequestProxy(to: registry.port)
        try await upload(through: proxy, client())
        #expect(proxy.count("PATCH") == 6 && proxy.count("PUT") == 1 && proxy.count("POST") == 1)
        try await expectBlob()
    }

    @Test("a small blob goes in one request")
    func whole() async throws {
        let proxy = try RequestProxy(to: registry.port)
        try await upload(through: proxy, client(pieceSize: bytes.count))
        #expect(proxy.count("PATCH") == 0 && proxy.count("PUT") == 1)
        try await expectBlob()
    }

    @Test("an upload that is cut goes on with the piece that was lost")
    func resumed() async throws {
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: 3 * UploadTests.pieceSize + 500_000), holdsRequests: true)
        try await upload(through: proxy, client())
        #expect(proxy.cuts == 1 && proxy.count("POST") == 1)
        #expect(proxy.requests.contains { $0.hasPrefix("GET /v2/app/blobs/uploads/") })
        #expect(proxy.bytesUp < bytes.count + UploadTests.pieceSize + 64 << 10)
        try await expectBlob()
    }

    @Test("an upload that the registry does not know any more begins anew")
    func forgotten() async throws {
        // docker-registry refuses to go on within a piece, part of which it has.
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: 2 * UploadTests.pieceSize + 500_000))
        try await upload(through: proxy, client())
        #expect(proxy.cuts == 1 && proxy.count("POST") == 2)
        #expect(proxy.bytesUp < bytes.count + 3 * UploadTests.pieceSize)
        try await expectBlob()
    }

    @Test("an upload whose last request is cut is not sent again")
    func lastRequest() async throws {
        let whole = try RequestProxy(to: registry.port)
        try await upload(through: whole, client(), repository: "one")
        // Within the head of the last request, which is some hundred bytes long.
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: whole.bytesUp - 60), holdsRequests: true)
        try await upload(through: proxy, client(), repository: "two")
        #expect(proxy.cuts == 1 && proxy.count("POST") == 1 && proxy.count("PATCH") == 6)
        try await expectBlob(repository: "two")
    }

    @Test("a registry that takes no pieces gets the blob in one request")
    func refused() async throws {
        let proxy = try RequestProxy(to: registry.port, holdsRequests: true, refused: "PATCH")
        try await upload(through: proxy, client(retries: 0))
        #expect(proxy.count("PATCH") == 1 && proxy.count("PUT") == 1)
        try await expectBlob()
    }

    @Test("a single request that is cut is sent again")
    func wholeAgain() async throws {
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: 2 << 20))
        try await upload(through: proxy, client(pieceSize: bytes.count))
        #expect(proxy.cuts == 1 && proxy.count("PUT") == 2)
        try await expectBlob()
    }

    @Test("a connection that is cut every time ends the upload with an error, after as many attempts as are allowed")
    func givenUp() async throws {
        let proxy = try RequestProxy(to: registry.port, cut: .always(after: UploadTests.pieceSize / 2))
        let error = await #expect(throws: RegistryError.self) { try await upload(through: proxy, client(retries: 2)) }
        guard case .interrupted? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(proxy.count("PATCH") == 3)
    }

    @Test("a blob that is there already, here or in the repository that is copied, is not sent")
    func mounted() async throws {
        let proxy = try RequestProxy(to: registry.port)
        try await upload(through: proxy, client())
        let sent = proxy.bytesUp
        try await upload(through: proxy, client())
        let client = client()
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(proxy.address)/other:1")
        let origin = try Reference(parsing: "\(proxy.address)/app:1")
        try await upload(to: RegistryDestination(client: client, reference: reference, origin: origin))
        #expect(proxy.bytesUp < sent + 4096 && proxy.count("PUT") == 1)
        try await expectBlob(repository: "other")
    }
}
