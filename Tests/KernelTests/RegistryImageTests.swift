import ChunkStore
import Conversion
import Digests
import EStargz
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import Logging
import OCI
import Registry
import TestSupport
import Testing
import Threads
import TreeImage

/// The whole way of a lazy layer, from Debian's docker-registry to files on the mount.
@Suite("fixture images from a real registry", .serialized)
struct RegistryImageTests {
    /// Tags of the fixture's variants, and the archives with image and TOC image.
    static let variants = [
        ("estargz", "a-estargz.tar", nil), ("minchunk", "a-minchunk.tar", nil), ("exttoc", "a-exttoc.tar", "a-exttoc-esgztoc.tar"),
        ("keepdiff", "a-keepdiff.tar", "a-keepdiff-esgztoc.tar"), ("zstdchunked", "a-zstdchunked.tar", nil),
    ]

    /// A node with a store of its own, over a registry that has one variant; gone with `end`.
    struct Node {
        let registry: RegistryServer
        let directory: TemporaryDirectory
        let client = RegistryClient()
        let node: LazyNode
        let reference: Reference

        init(_ variant: (tag: String, image: String, toc: String?)) throws {
            try self.init(tag: variant.tag)
            try registry.push("oci-archive:" + Fixtures.path(variant.image), as: "fixture:\(variant.tag)")
            if let toc = variant.toc { try registry.push("oci-archive:" + Fixtures.path(toc), as: "fixture:\(variant.tag)-esgztoc") }
        }

        init(tag: String) throws {
            try requireRoot()
            try requireFuse()
            registry = try RegistryServer()
            directory = try TemporaryDirectory()
            let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            node = try LazyNode(root: directory.path, directory: directory.path, client: client, log: log)
            reference = try Reference(parsing: "\(registry.address)/fixture:\(tag)")
        }

        func layer() async throws -> Descriptor {
            let manifest = try await client.resolve(reference).1
            return try Documents.decode(Manifest.self, from: manifest, what: "manifest").layers[0]
        }

        /// Flips a bit of the layer in the registry's storage; negative offsets count from the end.
        func damage(_ layer: Descriptor, at offset: Int64) throws {
            let path = "\(registry.storage)/docker/registry/v2/blobs/sha256/\(layer.digest.hex.prefix(2))/\(layer.digest.hex)/data"
            let file = open(path, O_RDWR)
            defer { close(file) }
            let place = offset < 0 ? Int(layer.size + offset) : Int(offset)
            var byte: UInt8 = 0
            guard pread(file, &byte, 1, place) == 1 else { throw HostError.last("read", path) }
            byte ^= 0x10
            guard pwrite(file, &byte, 1, place) == 1 else { throw HostError.last("write", path) }
        }

        /// Lets skopeo copy the image and standard tools unpack its layer as a whole; each checks what it can.
        func unpack(as mediaType: String) throws {
            let copy = directory.path + "/copy"
            try run(
                "skopeo", ["copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "docker://\(reference)", "oci:\(copy):latest"])
            let manifest = try layoutManifest(copy)
            let blob = "\(copy)/blobs/sha256/\(manifest.layers[0].digest.hex)"
            let decompress = mediaType == MediaType.layerZstd ? "zstd -dcq" : "gzip -dc"
            let names = try run("sh", ["-c", "\(decompress) \(blob) | tar -t"]).outputText.split(separator: "\n")
            #expect(names.contains("big/10m.bin") && names.count >= 25)
            // umoci of Debian 12 knows no zstd.
            guard mediaType != MediaType.layerZstd else { return }
            try run("umoci", ["raw", "unpack", "--keep-dirlinks", "--image", copy + ":latest", directory.path + "/unpacked"])
        }

        func end() async throws {
            try await BlockingTask.run { [node] in node.shutdown() }
            client.shutdown()
        }
    }

    private func refusal(_ node: Node, _ layer: Descriptor) async -> LayerRefusal? {
        do throws(LayerRefusal) {
            _ = try await node.node.open(layer, of: node.reference)
            return nil
        } catch {
            return error
        }
    }

    @Test("every variant shows the unpacked layer", arguments: variants.indices)
    func sameTree(variant: Int) async throws {
        let node = try Node(Self.variants[variant])
        let opened = try await node.node.open(try await node.layer(), of: node.reference)
        let differences = try await BlockingTask.run {
            try TreeListing(#require(opened.directory)).comparable().differences(from: UnpackedLayer().listing)
        }
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        try await node.end()
    }

    /// Every way to write a layer.
    static let formats: [EStargzWriter.Options] = [
        .init(), .init(minimumChunkSize: 50_000), .init(format: .externalTOC(keepsDiffID: false)),
        .init(format: .externalTOC(keepsDiffID: true)),
        .init(format: .zstdChunked), .init(format: .zstdChunked, chunkSize: 100_000, minimumChunkSize: 1 << 20),
    ]

    @Test(
        "what we write is read back lazily as the unpacked layer, in every format, and by skopeo and umoci too", arguments: formats.indices)
    func written(format: Int) async throws {
        let node = try Node(tag: "written")
        let layout = try TestImages.awkward(in: node.directory.path)
        // Files from all over the layer first, which must change nothing but their place.
        let priorities = try Priorities(list: "big/exact4m\nbin/hard2\n**/*conf\nno/such/file\n", path: "list")
        let options = ConversionOptions(writer: Self.formats[format], priorities: priorities)
        let destination = RegistryDestination(client: node.client, reference: node.reference)
        let source = OCILayoutSource(directory: layout, tag: nil)
        let result = try await ImageConverter(options: options).convert(from: source, to: destination)
        let layer = result.images[0].layers[0]
        #expect((layer.diffID == layer.sourceDiffID) == Self.formats[format].format.keepsDiffID)

        let opened = try await node.node.open(layer.result, of: node.reference)
        let differences = try await BlockingTask.run {
            try TreeListing(#require(opened.directory)).comparable().differences(from: UnpackedLayer().listing)
        }
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        let isPrioritized = !Self.formats[format].format.keepsDiffID
        #expect((opened.layer.stored.chunks.prefetchEnd > 0) == isPrioritized)
        if isPrioritized { #expect(priorities.unfulfilled == ["no/such/file"]) }
        try node.unpack(as: layer.result.mediaType)
        try await node.end()
    }

    @Test("one flipped byte of a chunk is EIO for its file and nothing else, and is not kept")
    func chunk() async throws {
        let node = try Node(Self.variants[0])
        let layer = try await node.layer()
        let fixture = try CompiledFixture(CompiledFixture.variants[0])
        let entry = try #require(fixture.toc.entries.first { $0.name == "bin/tool" })
        try node.damage(layer, at: entry.offset + 30_000)
        let opened = try await node.node.open(layer, of: node.reference)
        let top = try #require(opened.directory)
        let (code, whole) = try await BlockingTask.run { () throws -> (Int32?, Int) in
            var code: Int32?
            do throws(HostError) { _ = try Files.read(top + "/bin/tool", limit: 1 << 30) } catch { code = error.code }
            return (code, try Files.read(top + "/big/exact4m", limit: 1 << 30).count)
        }
        #expect(code == EIO && whole == 4 << 20)
        let digest = try #require(entry.chunkDigest)
        let index = try #require(opened.layer.stored.chunks.first(of: digest, size: UInt64(entry.size)))
        #expect(!opened.layer.stored.isPresent(index))
        try await node.end()
    }

    @Test("one flipped byte anywhere in the TOC's member is refused, with the reason, and nothing is stored")
    func toc() async throws {
        let node = try Node(Self.variants[0])
        let layer = try await node.layer()
        let blob = try FixtureImage(archive: Fixtures.path(Self.variants[0].1)).blob
        guard case .estargz(let start) = try Footer.parse(blobEnd: blob) else { throw TestFailure("the fixture has another footer") }
        let end = Int64(blob.count - Footer.maximumSize)
        // Its gzip header, the front, the middle and the end of its data, its checksum.
        for offset in [Int64(start) + 1, Int64(start) + 20, (Int64(start) + end) / 2, end - 20, end - 6] {
            try node.damage(layer, at: offset)
            let refusal = await refusal(node, layer)
            #expect(["bad-toc", "toc-digest-mismatch"].contains(refusal?.code), "\(offset): \(String(describing: refusal))")
            try node.damage(layer, at: offset)
        }
        #expect(try Files.entries(node.directory.path + "/layers").isEmpty)
        // Whole again, it opens.
        #expect(await refusal(node, layer) == nil)
        try await node.end()
    }

    @Test(
        "one flipped byte of the footer is refused, with the reason, and nothing is stored",
        arguments: [-51, -41, -30, -20, -16, -14] as [Int64])
    func footer(offset: Int64) async throws {
        let node = try Node(Self.variants[0])
        let layer = try await node.layer()
        try node.damage(layer, at: offset)
        let refusal = await refusal(node, layer)
        #expect(["not-lazy-format", "bad-toc", "toc-digest-mismatch"].contains(refusal?.code), "\(String(describing: refusal))")
        #expect(try Files.entries(node.directory.path + "/layers").isEmpty)
        try await node.end()
    }
}

/// The one manifest of a layout that skopeo wrote.
private func layoutManifest(_ layout: String) throws -> Manifest {
    let index = try Documents.decode(Index.self, from: Files.read(layout + "/index.json", limit: 1 << 20), what: "index")
    let path = layout + "/blobs/sha256/" + index.manifests[0].digest.hex
    return try Documents.decode(Manifest.self, from: Files.read(path, limit: 1 << 20), what: "manifest")
}
