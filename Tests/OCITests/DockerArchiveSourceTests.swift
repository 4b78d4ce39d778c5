import Digests
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("docker archives, read")
struct DockerArchiveSourceTests {
    private let directory: TemporaryDirectory
    private let saved: SavedImages
    private let low = SavedImages.layer(7)
    private let high = SavedImages.layer(11, count: 777)

    init() throws {
        directory = try TemporaryDirectory()
        saved = try SavedImages(in: directory.path + "/saved")
    }

    private func reference(_ text: String) throws -> DockerArchiveImage { .tagged(try Reference(parsing: text)) }

    /// A path whose last part makes it longer than a ustar header can say.
    private static let longName = String(repeating: "d", count: 120) + "/" + String(repeating: "e", count: 130) + "/layer.tar"

    @Test("an image is described as it stands, whatever kind of tar it is in", arguments: ["ustar", "gnu", "pax", "v7"])
    func described(format: String) async throws {
        let isLong = format == "gnu" || format == "pax"
        let image = SavedImages.Image(
            tags: ["app:1"], layers: [low, high], names: [isLong ? Self.longName : "x/layer.tar", "y/layer.tar"])
        try saved.put(image)
        let source = try DockerArchiveSource(file: saved.archive(format: format), image: nil)
        let manifest = try await manifest(of: source)
        #expect(manifest.mediaType == MediaType.dockerManifest && manifest.config.mediaType == MediaType.dockerConfig)
        #expect(try await content(of: manifest.config, in: source) == image.config)
        #expect(manifest.layers.map(\.mediaType) == [MediaType.dockerLayerTar, MediaType.dockerLayerTar])
        #expect(manifest.layers.map(\.digest) == [Digest.sha256(low), Digest.sha256(high)])
        #expect(try await content(of: manifest.layers[0], in: source) == low)
        #expect(try await content(of: manifest.layers[1], in: source) == high)
    }

    @Test("compressed layers have the digests of the bytes that are there", arguments: [("gzip", "gz"), ("zstd", "zst")])
    func compressed(program: String, suffix: String) async throws {
        try saved.put(SavedImages.Image(tags: nil, layers: [low, high], names: ["low", "high"]))
        let path = saved.directory + "/low"
        try run(program, ["-q", path])
        try Files.move(path + "." + suffix, to: path)
        let stored = try Files.read(path, limit: 1 << 30)
        let source = try DockerArchiveSource(file: saved.archive(), image: nil)
        let layers = try await manifest(of: source).layers
        #expect(MediaType.layerCompression(layers[0].mediaType) == (program == "gzip" ? .gzip : .zstd))
        #expect(layers[0].digest == Digest.sha256(stored) && layers[0].size == Int64(stored.count))
        #expect(try await content(of: layers[0], in: source) == stored)
        #expect(layers[1].mediaType == MediaType.dockerLayerTar)
    }

    @Test("a layer that is a symbolic or a hard link to another one is found")
    func links() async throws {
        try saved.put("a/layer.tar", low)
        try saved.put("b/VERSION", Array("1.0".utf8))
        try run("ln", ["-s", "../a/layer.tar", saved.directory + "/b/layer.tar"])
        try run("ln", [saved.directory + "/a/layer.tar", saved.directory + "/c"])
        try run("ln", ["-s", "loop", saved.directory + "/loop"])
        try saved.put(SavedImages.Image(tags: [], layers: [low, low, low], names: ["b/layer.tar", "a/layer.tar", "c"]))
        let source = try DockerArchiveSource(file: saved.archive(), image: nil)
        let layers = try await manifest(of: source).layers
        #expect(layers.map(\.digest) == [Digest](repeating: Digest.sha256(low), count: 3))
        #expect(try await content(of: layers[0], in: source) == low)

        try saved.put(SavedImages.Image(tags: [], layers: [low], names: ["loop"]))
        let looped = try DockerArchiveSource(file: saved.archive(), image: nil)
        await #expect(throws: LayoutError.self) { try await looped.root() }
    }

    @Test("one of several images is chosen by any of its names or by its place, and no choice is an error that lists them")
    func several() async throws {
        let first = SavedImages.Image(tags: ["app:1", "r.example/app:stable"], layers: [low])
        let second = SavedImages.Image(tags: ["docker.io/library/app:2"], layers: [low, high])
        let nameless = SavedImages.Image(tags: nil, layers: [high])
        try saved.put(first, second, nameless)
        let path = try saved.archive()
        for (choice, image) in [
            (try reference("docker.io/library/app:1"), first), (try reference("r.example/app:stable"), first),
            (try reference("app:2"), second), (.position(1), second), (.position(2), nameless),
        ] {
            let manifest = try await manifest(of: DockerArchiveSource(file: path, image: choice))
            #expect(manifest.config.digest == Digest.sha256(image.config), "\(choice)")
        }
        let known = ["app:1", "r.example/app:stable", "docker.io/library/app:2", "@2"]
        await #expect(throws: LayoutError.ambiguous(path: path, known: known)) {
            try await DockerArchiveSource(file: path, image: nil).root()
        }
        await #expect(throws: LayoutError.noImage(path: path, tag: "docker.io/library/app:3", known: known)) {
            try await DockerArchiveSource(file: path, image: reference("app:3")).root()
        }
        await #expect(throws: LayoutError.noImage(path: path, tag: "@3", known: known)) {
            try await DockerArchiveSource(file: path, image: .position(3)).root()
        }
    }

    @Test("what skopeo writes is read")
    func skopeo() async throws {
        let layout = try TestImages.busybox(in: directory.path)
        let path = directory.path + "/skopeo.tar"
        try run("skopeo", ["copy", "--quiet", "--insecure-policy", "oci:\(layout):latest", "docker-archive:\(path):r.example/app:1"])
        let original = try await manifest(of: OCILayoutSource(directory: layout, tag: nil))
        for image in [nil, try reference("r.example/app:1"), .position(0)] {
            let source = try DockerArchiveSource(file: path, image: image)
            let manifest = try await manifest(of: source)
            #expect(manifest.config.digest == original.config.digest && manifest.layers.count == 1)
            #expect(try await !content(of: manifest.layers[0], in: source).isEmpty)
        }
    }

    /// A way to damage an archive, and what the error says.
    enum Damage: CaseIterable, Sendable {
        case configuration, layer, missingLayer, missingConfiguration, layerCount, noManifest, noJSON, noImages, gzip, zstd, text, sparse
    }

    @Test("a damaged archive is refused with its reason", arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        let image = SavedImages.Image(tags: ["app:1"], layers: [low, high])
        try saved.put(image)
        let top = saved.directory
        var changed = high
        changed[100] ^= 1
        let word: String
        switch damage {
        case .configuration: (word, _) = ("another digest", try saved.put(image.configName, image.config.reversed()))
        case .layer: (word, _) = ("another digest", try saved.put(image.layerNames[1], changed))
        case .missingLayer: (word, _) = ("there is no " + image.layerNames[0], try Files.remove(top + "/" + image.layerNames[0]))
        case .missingConfiguration: (word, _) = ("there is no " + image.configName, try Files.remove(top + "/" + image.configName))
        case .layerCount:
            let text = #"[{"Config":"\#(image.configName)","RepoTags":null,"Layers":["\#(image.layerNames[0])"]}]"#
            (word, _) = ("lists 1 layers, the configuration 2", try saved.put("manifest.json", Array(text.utf8)))
        case .noManifest: (word, _) = ("there is no manifest.json", try Files.remove(top + "/manifest.json"))
        case .noJSON: (word, _) = ("manifest.json: not JSON", try saved.put("manifest.json", [0x41]))
        case .noImages: (word, _) = ("it lists no image", try saved.put("manifest.json", Array("[]".utf8)))
        case .gzip: word = "compressed with gzip, and an archive is read in place; decompress it first (gunzip)"
        case .zstd: word = "compressed with zstd"
        case .text: word = "it is not a tar"
        case .sparse: word = "cannot be read"
        }
        let path = try saved.archive()
        switch damage {
        case .gzip, .zstd:
            try run(damage == .gzip ? "gzip" : "zstd", ["-q", path])
            try Files.move(path + (damage == .gzip ? ".gz" : ".zst"), to: path)
        case .text: try AtomicFile.write([UInt8](repeating: 0x41, count: 2000), to: path)
        case .sparse:
            try run("truncate", ["-s", "1M", top + "/hole"])
            try run("tar", ["--sparse", "--format=gnu", "--sort=name", "-C", top, "-cf", path, "."])
        default: break
        }
        let error = await #expect(throws: (any Error).self) {
            let source = try DockerArchiveSource(file: path, image: nil)
            for layer in try await manifest(of: source).layers { _ = try await content(of: layer, in: source) }
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(word), "\(String(describing: error))")
    }

    @Test("an archive that is cut anywhere is refused before a wrong byte is given away")
    func cut() async throws {
        try saved.put(SavedImages.Image(tags: ["app:1"], layers: [low, high]))
        let path = try saved.archive()
        let whole = try Files.read(path, limit: 1 << 30)
        // The padding of the tar's last record may go.
        let end = whole.lastIndex { $0 != 0 } ?? 0
        for length in [0, 1, 511, 512, 700, 1024, 100_000, end / 2, end - 600] {
            try AtomicFile.write(Array(whole[..<length]), to: path)
            await #expect(throws: (any Error).self, "\(length)") {
                let source = try DockerArchiveSource(file: path, image: nil)
                for layer in try await manifest(of: source).layers { _ = try await content(of: layer, in: source) }
            }
        }
    }
}
