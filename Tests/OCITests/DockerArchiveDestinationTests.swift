import Digests
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("docker archives, written")
struct DockerArchiveDestinationTests {
    private let directory: TemporaryDirectory
    private let layout: OCILayoutSource

    init() throws {
        directory = try TemporaryDirectory()
        layout = OCILayoutSource(directory: try TestImages.busybox(in: directory.path), tag: nil)
    }

    /// Copies the layout's image, with an annotation on the layer as eStargz has one.
    private func write(_ path: String, _ tag: String?, annotations: [String: String]? = nil) async throws -> Descriptor {
        let destination = ArchiveDestination(docker: path, tag: try tag.map { try Reference(parsing: $0) })
        try await destination.check()
        var manifest = try await manifest(of: layout)
        for blob in [manifest.config] + manifest.layers { _ = try await destination.store(blob, from: layout) }
        manifest.layers[0].annotations = annotations
        let bytes = try Documents.encode(manifest)
        let root = Descriptor(mediaType: MediaType.manifest, digest: Digest.sha256(bytes), size: Int64(bytes.count))
        try await destination.putDocument(root, bytes: bytes)
        try await destination.tag(root, bytes: bytes)
        #expect(!Files.exists(path + ".tmp"))
        return root
    }

    @Test("it reads back as the same image with its annotations, and its bytes are always the same", arguments: [nil, "app:1"])
    func roundTrip(tag: String?) async throws {
        let path = directory.path + "/image.tar"
        let annotations = [Annotation.tocDigest: "\(Digest.sha256([1]))"]
        let root = try await write(path, tag, annotations: annotations)
        let source = try DockerArchiveSource(file: path, image: tag.map { .tagged(try Reference(parsing: $0)) })
        #expect(try await source.root().0 == root)
        let manifest = try await manifest(of: source)
        #expect(manifest.layers[0].annotations == annotations)
        #expect(Digest.sha256(try await content(of: manifest.layers[0], in: source)) == manifest.layers[0].digest)
        _ = try await write(directory.path + "/again.tar", tag, annotations: annotations)
        #expect(try Files.read(path, limit: 1 << 30) == Files.read(directory.path + "/again.tar", limit: 1 << 30))
        // Also as the layout that it is.
        #expect(try await OCIArchiveSource(file: path, tag: nil).root().0.digest == root.digest)
        #expect(try Files.entries(directory.path) == ["again.tar", "image.tar", "layout"])
    }

    @Test("skopeo finds the image under its full name, and the layer in it is the one that went in")
    func skopeo() async throws {
        let path = directory.path + "/image.tar"
        _ = try await write(path, "app:1")
        let tags = try run("skopeo", ["list-tags", "docker-archive:" + path]).outputText
        #expect(tags.contains("docker.io/library/app:1"))
        let copy = directory.path + "/copy"
        try run("skopeo", ["copy", "--quiet", "--insecure-policy", "docker-archive:\(path):app:1", "oci:\(copy):latest"])
        let (original, copied) = try await (manifest(of: layout), manifest(of: OCILayoutSource(directory: copy, tag: nil)))
        #expect(copied.config.digest == original.config.digest)
        let unpacked = [(layout as any ImageSource, original, "a"), (OCILayoutSource(directory: copy, tag: nil), copied, "b")]
        var archives: [Digest] = []
        for (source, manifest, name) in unpacked {
            try AtomicFile.write(try await content(of: manifest.layers[0], in: source), to: directory.path + "/" + name + ".gz")
            try run("gunzip", [directory.path + "/" + name + ".gz"])
            archives.append(Digest.sha256(try Files.read(directory.path + "/" + name, limit: 1 << 30)))
        }
        #expect(archives[0] == archives[1])
    }

    @Test("an index is refused, for want of a way to say it")
    func index() async throws {
        let path = directory.path + "/image.tar"
        let destination = ArchiveDestination(docker: path, tag: nil)
        try await destination.check()
        let bytes = try Documents.encode(Index(manifests: []))
        let root = Descriptor(mediaType: MediaType.index, digest: Digest.sha256(bytes), size: Int64(bytes.count))
        try await destination.putDocument(root, bytes: bytes)
        await #expect(throws: LayoutError.onePlatform(path: path)) { try await destination.tag(root, bytes: bytes) }
        await destination.abandon()
        #expect(try Files.entries(directory.path) == ["layout"])
    }

    @Test("an archive that is given up leaves the older one of its name as it was, and nothing else")
    func abandoned() async throws {
        let path = directory.path + "/image.tar"
        try AtomicFile.write([1, 2, 3], to: path)
        let destination = ArchiveDestination(docker: path, tag: nil)
        try await destination.check()
        let config = try await manifest(of: layout).config
        #expect(try await !destination.store(config, from: layout))
        #expect(try await destination.has(config))
        await destination.abandon()
        #expect(try Files.read(path, limit: 10) == [1, 2, 3])
        #expect(try Files.entries(directory.path) == ["image.tar", "layout"])
    }

    @Test("of an archive that is a layout too, the layout is read when it is whole, else what docker's manifest says")
    func layoutOrNot() async throws {
        let path = directory.path + "/image.tar"
        let root = try await write(path, "app:1")
        let unpacked = directory.path + "/unpacked"
        try Files.makeDirectories(unpacked)
        try run("tar", ["-C", unpacked, "-xf", path])
        try Files.remove("\(unpacked)/blobs/sha256/\(root.digest.hex)")
        try run("tar", ["-C", unpacked, "-cf", path, "."])
        let source = try DockerArchiveSource(file: path, image: .tagged(try Reference(parsing: "app:1")))
        let (original, manifest) = (try await manifest(of: layout), try await manifest(of: source))
        #expect(manifest.mediaType == MediaType.dockerManifest)
        #expect(manifest.layers[0].digest == original.layers[0].digest)
    }
}
