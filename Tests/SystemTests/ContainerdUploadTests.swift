import ContainerdClient
import Conversion
import Daemons
import Digests
import HostSystem
import OCI
import Synchronization
import TestSupport
import Testing

/// Conversions into containerd of a layer that grows by them: its temporary file may not.
@Suite("temporary disk of conversions into containerd", .serialized)
struct ContainerdUploadTests {
    private static let pieceSize: Int64 = 64 << 10
    private let directory: TemporaryDirectory
    private let containerd: ContainerdServer
    private let layout: String

    init() throws {
        directory = try TemporaryDirectory(in: "/var/tmp")
        containerd = try ContainerdServer(snapshotter: directory.path + "/no-snapshotter.sock")
        layout = try TestImages.smallFiles(3000, in: directory.path)
        try Files.makeDirectories(directory.path + "/scratch")
    }

    private func open<Value: Sendable>(
        namespace: String = "default", _ body: @escaping @Sendable (ContainerdImages) async throws -> Value
    ) async throws -> Value {
        var options = ContainerdOptions(address: containerd.socket, namespace: namespace)
        options.uploadPieceSize = ContainerdUploadTests.pieceSize
        return try await ContainerdImages.open(options, body)
    }

    /// Converts the image; with whether its layer was there.
    private func convert(to name: String, namespace: String = "default") async throws -> (result: ConversionResult, wasThere: Bool) {
        let wasThere = Mutex(false)
        let converter = ImageConverter(options: ConversionOptions(temporaryDirectory: directory.path + "/scratch")) { event in
            if case .stored(_, true) = event { wasThere.withLock { $0 = true } }
        }
        let source = OCILayoutSource(directory: layout, tag: nil)
        let result = try await open(namespace: namespace) { images in
            try await converter.convert(from: source, to: images.destination(try Reference(parsing: name)))
        }
        #expect(try Files.entries(directory.path + "/scratch").isEmpty)
        #expect(try Files.entries(containerd.ingests).isEmpty)
        return (result, wasThere.withLock { $0 })
    }

    private func expectImage(_ name: String, _ result: ConversionResult, namespace: String = "default") async throws {
        let expected = try await ImageConverter().convert(
            from: OCILayoutSource(directory: layout, tag: nil), to: OCILayoutDestination(directory: directory.path + "/expected", tag: "x"))
        #expect(result.descriptor == expected.descriptor)
        #expect(try containerd.ctr(["--namespace", namespace, "image", "check", "name==" + name]).outputText.contains("complete (2/2)"))
        let layer = try #require(result.images.first?.layers.first).result
        // Its bytes are what containerd says they are.
        let digest = try run(
            "sh", ["-c", "ctr --address $0 --namespace $1 content get $2 | sha256sum", containerd.socket, namespace, "\(layer.digest)"])
        #expect(digest.outputText.hasPrefix(layer.digest.hex))
    }

    @Test("a layer that grows by more than half never takes more of the disk than it had in the source")
    func budget() async throws {
        let (result, wasThere) = try await convert(to: "r.example/app:1")
        let layer = try #require(result.images.first?.layers.first)
        #expect(!wasThere && layer.result.size > layer.source.size * 3 / 2)
        #expect(layer.temporaryBytes <= layer.source.size && layer.temporaryBytes > layer.source.size / 2)
        try await expectImage("r.example/app:1", result)
    }

    @Test("a layer that is there already, in this namespace or in another, becomes the new image's, and no upload is left")
    func again() async throws {
        _ = try await convert(to: "r.example/app:1")
        let (second, wasThere) = try await convert(to: "r.example/app:2")
        #expect(wasThere)
        try await expectImage("r.example/app:2", second)
        let (third, isKnown) = try await convert(to: "r.example/app:1", namespace: "other")
        #expect(isKnown)
        try await expectImage("r.example/app:1", third, namespace: "other")
    }

    @Test("an upload that containerd has lost is said to be lost, and one that is given up is gone")
    func lost() async throws {
        let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 >> 8 ^ $0) }
        let scratch = directory.path + "/scratch"
        try await open { [containerd] images in
            let destination = images.destination(try Reference(parsing: "r.example/app:1"))
            let terms = IngestTerms(directory: scratch, budget: DiskBudget(limit: 256 << 10))
            for isLost in [true, false] {
                let ingest = try await destination.ingest(terms)
                try await ingest.write(Array(bytes.prefix(bytes.count / 2)))
                let begun = try Files.entries(containerd.ingests)
                #expect(begun.count == 1)
                if isLost {
                    for name in begun { try Files.remove(containerd.ingests + "/" + name) }
                    await #expect(throws: LostBlobError.self) { try await ingest.write(bytes) }
                }
                await ingest.abandon()
                #expect(try Files.entries(containerd.ingests).isEmpty)
            }
        }
    }
}
