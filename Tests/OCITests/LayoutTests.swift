import Digests
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("layouts and archives")
struct LayoutTests {
    private let directory: TemporaryDirectory
    private let blob = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    init() throws { directory = try TemporaryDirectory() }

    private func descriptor(_ bytes: [UInt8], _ type: String) -> Descriptor {
        Descriptor(mediaType: type, digest: Digest.sha256(bytes), size: Int64(bytes.count))
    }

    private func write(to destination: any ImageDestination, isNew: Bool = true) async throws -> Descriptor {
        let config = Array("{}".utf8)
        let (layer, configuration) = (descriptor(blob, MediaType.layerTar), descriptor(config, MediaType.config))
        let manifest = try Documents.encode(Manifest(config: configuration, layers: [layer]))
        let root = descriptor(manifest, MediaType.manifest)
        try await destination.check()
        #expect(try await destination.has(layer) != isNew)
        try await destination.putBlob(layer, bytes: blob)
        #expect(try await destination.has(layer))
        try await destination.putBlob(configuration, bytes: config)
        try await destination.putDocument(root, bytes: manifest)
        try await destination.tag(root, bytes: manifest)
        return layer
    }

    @Test("what is written to a layout or an archive reads back, and skopeo reads it too", arguments: ["oci", "oci-archive"])
    func roundTrip(transport: String) async throws {
        let path = directory.path + "/image"
        let isLayout = transport == "oci"
        let destination: any ImageDestination =
            isLayout ? OCILayoutDestination(directory: path, tag: "v1") : ArchiveDestination(oci: path, tag: "v1")
        let layer = try await write(to: destination)
        let source: any ImageSource = isLayout ? OCILayoutSource(directory: path, tag: nil) : try OCIArchiveSource(file: path, tag: "v1")
        let (root, bytes) = try await source.root()
        #expect(root.digest == Digest.sha256(bytes) && root.annotations?[Annotation.referenceName] == "v1")
        #expect(try await content(of: layer, in: source) == blob)
        try run("skopeo", ["inspect", "--raw", "\(transport):\(path):v1"])
        #expect(try Files.entries(directory.path) == ["image"])
    }

    @Test("another tag joins a layout, the same tag is replaced, and no tag is ambiguous then")
    func tags() async throws {
        let path = directory.path + "/image"
        _ = try await write(to: OCILayoutDestination(directory: path + "-v1", tag: "v1"))
        for tag in ["v1", "v2", "v2"] {
            let destination = OCILayoutDestination(directory: path, tag: tag)
            let source = OCILayoutSource(directory: path + "-v1", tag: nil)
            let (root, bytes) = try await source.root()
            try await destination.check()
            try await destination.tag(root, bytes: bytes)
        }
        await #expect(throws: LayoutError.ambiguous(path: path, known: ["v1", "v2"])) {
            try await OCILayoutSource(directory: path, tag: nil).root()
        }
        await #expect(throws: LayoutError.noImage(path: path, tag: "v3", known: ["v1", "v2"])) {
            try await OCILayoutSource(directory: path, tag: "v3").root()
        }
        _ = try await OCILayoutSource(directory: path, tag: "v2").root()
    }

    @Test("a destination that is given up leaves what was there before and nothing else")
    func abandoned() async throws {
        for destination in [
            OCILayoutDestination(directory: directory.path + "/layout", tag: "x"),
            ArchiveDestination(oci: directory.path + "/archive", tag: nil),
        ] as [any ImageDestination] {
            try await destination.check()
            try await destination.putBlob(descriptor(blob, MediaType.layerTar), bytes: blob)
            await destination.abandon()
        }
        #expect(try Files.entries(directory.path).isEmpty)
    }

    @Test("nothing of an image is seen before it is whole, and a file that has not a blob's size does not become it")
    func unseen() async throws {
        for destination in [
            OCILayoutDestination(directory: directory.path + "/layout", tag: "x"),
            ArchiveDestination(oci: directory.path + "/archive", tag: nil),
        ] as [any ImageDestination] {
            try await destination.check()
            let (layer, document) = (descriptor(blob, MediaType.layerTar), descriptor([1], MediaType.manifest))
            let terms = IngestTerms(directory: "/nowhere", budget: DiskBudget(limit: 0))
            let ingests = [try await destination.ingest(terms), try await destination.ingest(terms)]
            try await ingests[0].write(Array(blob.dropLast()))
            await #expect(throws: LayoutError.self) { try await ingests[0].commit(layer) }
            await ingests[0].abandon()
            #expect(try await !destination.has(layer))
            try await ingests[1].write(blob)
            #expect(try await !ingests[1].commit(layer))
            try await destination.putDocument(document, bytes: [1])
            for stored in [layer, document] { #expect(try await destination.has(stored)) }
            #expect(try Files.entries(directory.path).isEmpty)
        }
    }

    @Test(
        "a blob of another source is copied into the destination, and only when it has its digest", arguments: ["oci", "oci-archive"])
    func copied(transport: String) async throws {
        let path = directory.path + "/image"
        let isLayout = transport == "oci"
        let destination: any ImageDestination =
            isLayout ? OCILayoutDestination(directory: path, tag: "v1") : ArchiveDestination(oci: path, tag: "v1")
        try await destination.check()
        let right = descriptor(blob, MediaType.layerTar)
        _ = try await write(to: OCILayoutDestination(directory: path + "-source", tag: nil))
        let stored = path + "-source/blobs/sha256/"
        let wrong = Descriptor(mediaType: MediaType.layerTar, digest: Digest.sha256([1]), size: right.size)
        try AtomicFile.write(blob, to: stored + wrong.digest.hex)
        let other = OCILayoutSource(directory: path + "-source", tag: nil)
        await #expect(throws: LayoutError.self) { try await destination.store(wrong, from: other) }
        #expect(try await !destination.has(wrong))
        #expect(try await !destination.store(right, from: other))
        let layer = try await write(to: destination, isNew: false)
        let source: any ImageSource = isLayout ? OCILayoutSource(directory: path, tag: nil) : try OCIArchiveSource(file: path, tag: "v1")
        #expect(try await content(of: layer, in: source) == blob)
    }

    @Test("a blob that is not what its descriptor says is refused at its end, naming it")
    func damaged() async throws {
        let path = directory.path + "/image"
        let layer = try await write(to: OCILayoutDestination(directory: path, tag: nil))
        var changed = blob
        changed[700_000] ^= 1
        try AtomicFile.write(changed, to: path + "/blobs/sha256/" + layer.digest.hex)
        let source = OCILayoutSource(directory: path, tag: nil)
        let error = await #expect(throws: LayoutError.self) { try await content(of: layer, in: source) }
        #expect(error?.description.contains(layer.digest.description) == true)
        try AtomicFile.write(Array(blob.dropLast()), to: path + "/blobs/sha256/" + layer.digest.hex)
        await #expect(throws: LayoutError.self) { try await source.blob(layer) }
        try Files.remove(path + "/blobs/sha256/" + layer.digest.hex)
        await #expect(throws: LayoutError.self) { try await source.blob(layer) }
    }

    @Test("a file that is no archive, or one that is cut, is refused", arguments: [0, 100, 511, 512, 3000, 200_000])
    func noArchive(length: Int) async throws {
        let path = directory.path + "/image"
        _ = try await write(to: ArchiveDestination(oci: path, tag: nil))
        try AtomicFile.write(Array(try Files.read(path, limit: 1 << 30).prefix(length)), to: path)
        await #expect(throws: (any Error).self) { try await OCIArchiveSource(file: path, tag: nil).root() }
        try AtomicFile.write([UInt8](repeating: 0x41, count: 2048), to: path)
        #expect(throws: LayoutError.self) { try OCIArchiveSource(file: path, tag: nil) }
    }

    @Test("a document is rewritten without losing what is not known, and its bytes are always the same")
    func documents() throws {
        let text = #"{"a/b":[1,2.5,null,true,"ü"],"big":9007199254740993,"nested":{"y":[],"z":{}}}"#
        let value = try Documents.decode(JSONValue.self, from: Array(text.utf8), what: "test")
        #expect(String(decoding: Documents.encode(value), as: UTF8.self) == text)
        #expect(throws: DocumentError.tooLarge(what: "test", size: Documents.maximumSize + 1)) {
            try Documents.decode(JSONValue.self, from: [UInt8](repeating: 0x20, count: Documents.maximumSize + 1), what: "test")
        }
        #expect(throws: DocumentError.malformed(what: "manifest", reason: "\"config\" is missing")) {
            try Documents.decode(Manifest.self, from: Array(#"{"schemaVersion":2,"layers":[]}"#.utf8), what: "manifest")
        }
    }
}
