import Conversion
import Digests
import EStargz
import Glibc
import HostSystem
import OCI
import Synchronization
import TestSupport
import Testing

@Suite("converting images, layout to layout")
struct ImageConverterTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var target: String { directory.path + "/out" }
    private var scratch: String { directory.path + "/scratch" }

    private func convert(
        _ layout: String, _ options: ConversionOptions = ConversionOptions(), to path: String? = nil,
        _ progress: @escaping @Sendable (ConversionEvent) -> Void = { _ in }
    ) async throws -> ConversionResult {
        var options = options
        options.temporaryDirectory = scratch
        try Files.makeDirectories(scratch)
        let result: ConversionResult
        do {
            result = try await ImageConverter(options: options, progress: progress).convert(
                from: OCILayoutSource(directory: layout, tag: nil), to: OCILayoutDestination(directory: path ?? target, tag: "new"))
        } catch {
            #expect(try Files.entries(scratch).isEmpty)
            throw error
        }
        #expect(try Files.entries(scratch).isEmpty)
        return result
    }

    private func document<Document: Decodable>(_ type: Document.Type, _ digest: Digest, in layout: String) throws -> Document {
        try Documents.decode(type, from: Files.read("\(layout)/blobs/sha256/\(digest.hex)", limit: 1 << 24), what: "\(digest)")
    }

    @Test("gzip, zstd and plain layers all become the same eStargz layer, and what the configuration says of itself stays")
    func compressions() async throws {
        let execution = #"{"Cmd":["/bin/sh"],"Labels":{"a":"b"}},"history":[{"created_by":"me"}],"x-unknown":{"k":[1]}"#
        var digests: Set<Digest> = []
        for compression in ["gzip", "zstd", "none"] {
            let path = directory.path + "/" + compression
            let layout = try TestImages.busybox(in: path, execution: String(execution.dropLast()) + "}", compression: compression)
            let result = try await convert(layout, to: target + compression)
            let layer = try #require(result.images.first?.layers.first)
            digests.insert(layer.result.digest)
            #expect(layer.result.mediaType == MediaType.layerGzip)
            #expect(layer.result.annotations?[Annotation.uncompressedSize] == layer.uncompressedSize.map(String.init))

            let manifest = try document(Manifest.self, result.descriptor.digest, in: target + compression)
            #expect(manifest.layers == [layer.result])
            let config = try document(JSONValue.self, manifest.config.digest, in: target + compression)
            #expect(config["rootfs"]?["diff_ids"]?.array == [.string(layer.diffID.description)])
            #expect(config["x-unknown"] == .object(["k": .array([.integer(1)])]) && config["history"]?.array?.count == 1)

            let blob = try Files.read("\(target)\(compression)/blobs/sha256/\(layer.result.digest.hex)", limit: 1 << 28)
            guard case .estargz(let offset) = try Footer.parse(blobEnd: blob) else { throw TestFailure("not eStargz") }
            let json = try Array(blob[Int(offset)...]).withUnsafeBytes { Array(try TOCBlob.extract(tocMember: $0)) }
            #expect(Digest.sha256(json).description == layer.result.annotations?[Annotation.tocDigest])
        }
        // The archives differ in nothing but their times, which busybox images take from the clock; so do the layers then.
        #expect(digests.count <= 3)
    }

    @Test("converting what is converted keeps layers and documents, byte for byte")
    func again() async throws {
        let first = try await convert(TestImages.busybox(in: directory.path))
        let events = Mutex<Int>(0)
        let second = try await convert(target, to: target + "2") { event in
            if case .reused = event { events.withLock { $0 += 1 } }
        }
        #expect(second.descriptor.digest == first.descriptor.digest && events.withLock { $0 } == 1)
        // Told not to reuse, the layer is written again, and the same comes out.
        let third = try await convert(target, ConversionOptions(reusesLayers: false), to: target + "3")
        #expect(third.images[0].layers[0].result.digest == first.images[0].layers[0].result.digest)
    }

    @Test("the bytes do not depend on the number of threads")
    func jobs() async throws {
        let layout = try TestImages.busybox(in: directory.path)
        let one = try await convert(layout, ConversionOptions(jobs: 1))
        let eight = try await convert(layout, ConversionOptions(jobs: 8), to: target + "8")
        #expect(one.descriptor == eight.descriptor)
    }

    @Test(
        "layers wait in a destination on this machine itself and become its blobs; nothing else is left", arguments: ["oci", "oci-archive"])
    func staging(transport: String) async throws {
        let layout = try TestImages.busybox(in: directory.path)
        try Files.makeDirectories(target)
        let path = target + "/image"
        let isLayout = transport == "oci"
        let destination: any ImageDestination =
            isLayout ? OCILayoutDestination(directory: path, tag: "v1") : ArchiveDestination(oci: path, tag: "v1")
        let result = try await ImageConverter(options: ConversionOptions(platforms: .all)) { _ in }
            .convert(from: OCILayoutSource(directory: layout, tag: nil), to: destination)
        #expect(try Files.entries(target) == ["image"])
        let layer = try #require(result.images.first?.layers.first).result
        if isLayout {
            #expect(try Files.entries(path).sorted() == ["blobs", "index.json", "oci-layout"])
            var status = stat()
            #expect(lstat("\(path)/blobs/sha256/\(layer.digest.hex)", &status) == 0 && status.st_mode & 0o044 == 0o044)
        }
        try run("skopeo", ["copy", "--quiet", "\(transport):\(path):v1", "dir:\(directory.path)/copy"])
    }

    @Test("a layer that is not what the configuration says is refused, named, and nothing is tagged")
    func wrongDiffID() async throws {
        let layout = try TestImages.busybox(in: directory.path)
        let (root, _) = try await OCILayoutSource(directory: layout, tag: nil).root()
        let manifest = try document(Manifest.self, root.digest, in: layout)
        var config = try document(JSONValue.self, manifest.config.digest, in: layout)
        config["rootfs"] = .object(["type": .string("layers"), "diff_ids": .array([.string(Digest.sha256([9]).description)])])
        try TestImages.replaceConfig(in: layout, with: Documents.encode(config), of: manifest)
        let error = await #expect(throws: ConversionError.self) { try await convert(layout) }
        guard case .diffID(let layer, Digest.sha256([9]), _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(layer.description.hasPrefix("layer 1 of 1 (sha256:"))
        #expect(!Files.exists(target))
    }

    @Test("attestations of an index are kept untouched, its image is converted, and a missing platform names those that are there")
    func index() async throws {
        let layout = try TestImages.busybox(in: directory.path)
        let attestation = try TestImages.addIndex(in: layout)
        let result = try await convert(layout, ConversionOptions(platforms: .all))
        let index = try document(Index.self, result.descriptor.digest, in: target)
        #expect(index.manifests.count == 2 && index.manifests.contains(attestation))
        #expect(index.manifests.contains { $0.digest == result.images[0].manifest.digest && $0.platform == result.images[0].platform })
        #expect(Files.exists("\(target)/blobs/sha256/\(attestation.digest.hex)"))
        let wanted = Platform(os: "linux", architecture: "s390x")
        let error = await #expect(throws: PlatformImageError.self) {
            try await convert(layout, ConversionOptions(platforms: .listed([wanted])))
        }
        #expect(error?.description.contains("no image for linux/s390x; it has linux/") == true)
    }

    @Test("a cancelled conversion ends with that, and leaves neither temporary files nor an image")
    func cancelled() async throws {
        let layout = try TestImages.busybox(in: directory.path)
        let started = AsyncStream.makeStream(of: Void.self)
        let task = Task { try await convert(layout) { event in if case .started = event { started.continuation.yield() } } }
        for await _ in started.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!Files.exists(target))
    }

    @Test(
        "options that do not exist are refused before anything is read",
        arguments: [(0, 6, 4 << 20), (1, 0, 4 << 20), (1, 13, 4 << 20), (1, 6, 100)])
    func options(jobs: Int, level: Int, chunkSize: Int) async throws {
        await #expect(throws: EStargzWriterError.self) {
            try await convert("/nowhere", ConversionOptions(jobs: jobs, level: level, writer: EStargzWriter.Options(chunkSize: chunkSize)))
        }
    }
}
