import Conversion
import Digests
import HostSystem
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

/// Conversions to Debian's docker-registry of a layer that grows by them: its temporary file may not.
@Suite("temporary disk of conversions to a registry", .serialized)
struct TemporaryDiskTests {
    private static let pieceSize: Int64 = 64 << 10
    private let registry: RegistryServer
    private let directory: TemporaryDirectory
    private let layout: String
    private var scratch: String { directory.path + "/scratch" }

    init() throws {
        registry = try RegistryServer()
        directory = try TemporaryDirectory(in: "/var/tmp")
        layout = try TestImages.smallFiles(3000, in: directory.path)
        try Files.makeDirectories(directory.path + "/scratch")
    }

    /// What happened in a conversion, in lines.
    private final class Events: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }

        func add(_ event: ConversionEvent) {
            switch event {
            case .waitsWhole(_, let reason): lines.withLock { $0.append("waits whole: \(reason)") }
            case .stored(_, let wasThere): lines.withLock { $0.append(wasThere ? "was there" : "stored") }
            default: break
            }
        }
    }

    private func convert(
        to name: String, _ options: ConversionOptions = ConversionOptions(), _ events: Events = Events()
    ) async throws -> ConversionResult {
        var registryOptions = RegistryOptions()
        registryOptions.plainHTTP = true
        registryOptions.uploadPieceSize = TemporaryDiskTests.pieceSize
        let client = RegistryClient(options: registryOptions)
        defer { client.shutdown() }
        let destination = RegistryDestination(client: client, reference: try Reference(parsing: name))
        return try await convert(to: destination, options, events)
    }

    private func convert(
        to destination: any ImageDestination, _ options: ConversionOptions = ConversionOptions(), _ events: Events = Events()
    ) async throws -> ConversionResult {
        var options = options
        options.temporaryDirectory = scratch
        let converter = ImageConverter(options: options) { events.add($0) }
        return try await converter.convert(from: OCILayoutSource(directory: layout, tag: nil), to: destination)
    }

    /// The image as it must be, from a conversion without a network.
    private func expected(_ options: ConversionOptions = ConversionOptions()) async throws -> ConversionResult {
        try await convert(to: OCILayoutDestination(directory: directory.path + "/expected", tag: "x"), options)
    }

    private func expectImage(_ result: ConversionResult, _ repository: String) async throws {
        #expect(try await result.descriptor == expected().descriptor)
        #expect(try registry.tags(repository) == ["1"])
        // Reads all of it, and every digest.
        try run(
            "skopeo",
            [
                "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "docker://\(registry.address)/\(repository):1",
                "oci:\(directory.path)/copy:latest",
            ])
        #expect(try Files.entries(scratch).isEmpty)
    }

    @Test("a layer that grows by more than half never takes more of the disk than it had in the source")
    func budget() async throws {
        let proxy = try RequestProxy(to: registry.port)
        let result = try await convert(to: "\(proxy.address)/app:1")
        let layer = try #require(result.images.first?.layers.first)
        #expect(layer.result.size > layer.source.size * 3 / 2 && layer.source.size > 3 * TemporaryDiskTests.pieceSize)
        #expect(layer.temporaryBytes <= layer.source.size && layer.temporaryBytes > layer.source.size / 2)
        try await expectImage(result, "app")
        #expect(try registry.uploads("app").isEmpty)
    }

    @Test("into a layout and into an archive a layer takes none")
    func local() async throws {
        let archive = ArchiveDestination(oci: directory.path + "/image.tar", tag: "1")
        for result in [try await expected(), try await convert(to: archive)] {
            #expect(result.images.first?.layers.first?.temporaryBytes == 0)
        }
    }

    @Test("a layer that is there already is not ended: what has begun of it is given up")
    func again() async throws {
        _ = try await convert(to: "\(registry.address)/app:1")
        let (proxy, events) = (try RequestProxy(to: registry.port), Events())
        let result = try await convert(to: "\(proxy.address)/app:1", ConversionOptions(), events)
        let layer = try #require(result.images.first?.layers.first)
        #expect(events.all == ["was there"])
        #expect(proxy.bytesUp < Int(layer.result.size - layer.source.size) + 2 * Int(TemporaryDiskTests.pieceSize))
        #expect(!proxy.requests.contains { $0.hasPrefix("PUT ") && $0.contains("\(layer.result.digest.hex)") })
        #expect(try registry.uploads("app").isEmpty)
        try await expectImage(result, "app")
    }

    @Test("a layer with files that are wanted first takes what it had in the source")
    func priorities() async throws {
        let list = (0..<100).map { "srv/file-\($0 * 30)" }.joined(separator: "\n")
        let options = ConversionOptions(priorities: try Priorities(list: list, path: "list"))
        let result = try await convert(to: "\(registry.address)/app:1", options)
        let layer = try #require(result.images.first?.layers.first)
        // Beside the source's bytes, what the registry gets last is on its way.
        #expect(layer.temporaryBytes <= layer.source.size + TemporaryDiskTests.pieceSize + (64 << 10))
        #expect(try await result.descriptor == expected(options).descriptor)
    }

    @Test("an upload whose front is lost with a cut connection is made once more, from a file that keeps it all, and that is said")
    func lost() async throws {
        // docker-registry refuses to go on within a piece, part of which it has.
        let proxy = try RequestProxy(to: registry.port, cut: .once(after: Int(TemporaryDiskTests.pieceSize) * 3 / 2))
        let events = Events()
        let result = try await convert(to: "\(proxy.address)/app:1", ConversionOptions(), events)
        #expect(proxy.cuts == 1)
        #expect(events.all == ["waits whole: registry \(proxy.address) has lost the beginning of an upload", "stored"])
        try await expectImage(result, "app")
    }

    @Test("a registry that is restarted within an upload gets the right image all the same")
    func restarted() async throws {
        let proxy = try RequestProxy(to: registry.port) { [registry] head, number in
            // What fails here fails as the next request.
            if head.hasPrefix("PATCH "), number == 3 { try? registry.restart() }
            return true
        }
        let events = Events()
        let result = try await convert(to: "\(proxy.address)/app:1", ConversionOptions(), events)
        #expect(events.all.count == 2 && events.all.last == "stored")
        try await expectImage(result, "app")
    }

    @Test("a registry that takes no pieces gets the right image, and the disk that it costs is said")
    func whole() async throws {
        let proxy = try RequestProxy(to: registry.port, holdsRequests: true, refused: "PATCH")
        let events = Events()
        let result = try await convert(to: "\(proxy.address)/app:1", ConversionOptions(), events)
        #expect(events.all == ["waits whole: registry \(proxy.address) takes no blobs in pieces (405)", "stored"])
        try await expectImage(result, "app")
    }

    @Test("a conversion that is cancelled while its writer waits for an early piece ends soon, tags nothing and leaves no upload")
    func cancelled() async throws {
        let conversion = Mutex<Task<ConversionResult, any Error>?>(nil)
        let proxy = try RequestProxy(to: registry.port) { head, number in
            guard head.hasPrefix("PATCH "), number == 2 else { return true }
            conversion.withLock { $0?.cancel() }
            // A piece of which docker-registry has a part it keeps, and the upload with it.
            return false
        }
        let task = Task { try await convert(to: "\(proxy.address)/app:1") }
        conversion.withLock { $0 = task }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(proxy.count("PATCH") == 2)
        #expect(try registry.tags("app").isEmpty && registry.uploads("app").isEmpty && Files.entries(scratch).isEmpty)
    }
}
