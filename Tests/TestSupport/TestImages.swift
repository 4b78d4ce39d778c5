import Digests
import HostSystem
public import OCI
import Tar

/// Images for tests, real ones.
public enum TestImages {
    /// The OCI layout (tag `latest`) of a Debian root with python3, one gzip layer; made on first use and kept in the cache.
    public static func python() throws -> String {
        try requireRoot()
        try requireProgram("mmdebstrap")
        let script = Places.package + "/bench/make-image.sh"
        return String(try run("bash", [script, Places.cache], deadline: .seconds(1200)).outputText.dropLast())
    }

    /// One file or directory of a small image.
    public struct File: Sendable {
        /// Path in the image, without a leading slash.
        public var path: String
        /// Content; nil makes a directory.
        public var content: [UInt8]?
        /// Permission bits.
        public var mode: UInt32

        /// A file, or a directory for a nil content.
        public init(_ path: String, _ content: String?, mode: UInt32 = 0o644) {
            self.path = path
            self.content = content.map { Array($0.utf8) }
            self.mode = mode
        }
    }

    /// An OCI layout (tag `latest`) in `directory`: busybox with its commands, /etc/passwd and /etc/group, and the given files.
    ///
    /// - Parameters:
    ///   - execution: members of the configuration's `config` object, as JSON.
    ///   - compression: of the layer: `gzip`, `zstd` or `none`.
    public static func busybox(
        in directory: String, files: [File] = [], execution: String = #"{"Cmd":["/bin/sh"]}"#, compression: String = "gzip"
    ) throws -> String {
        let root = directory + "/root"
        try busyboxRoot(root, files: files)
        let archive = directory + "/layer.tar"
        try run("tar", ["--sort=name", "--numeric-owner", "-C", root, "-cf", archive, "."])
        let diffID = try digest(archive)
        var blob = archive
        var suffix = ""
        switch compression {
        case "gzip":
            try run("gzip", ["-n", archive])
            (blob, suffix) = (archive + ".gz", "+gzip")
        case "zstd":
            try run("zstd", ["-q", "--rm", archive])
            (blob, suffix) = (archive + ".zst", "+zstd")
        default: break
        }
        let layout = ImageLayout(directory + "/layout")
        try layout.make()
        let layer = try layout.descriptor("application/vnd.oci.image.layer.v1.tar" + suffix, file: blob)
        let config = """
            {"architecture":"\(architecture)","os":"linux","config":\(execution),\
            "rootfs":{"type":"layers","diff_ids":["\(diffID)"]}}
            """
        try layout.write(config: config, layers: [layer])
        try Files.remove(root)
        return layout.path
    }

    /// An OCI layout (tag `latest`) in `directory` of the fixture's awkward layer, ordinary gzip.
    public static func awkward(in directory: String) throws -> String {
        try oneLayer(Fixtures.path("a-layer.tar.gz"), in: directory)
    }

    /// An OCI layout (tag `latest`) in `directory` whose one layer is a gzip tar, such as a fixture's.
    public static func oneLayer(_ layer: String, in directory: String) throws -> String {
        let archive = directory + "/layer.tar"
        try run("sh", ["-c", #"gzip -dc "$0" > "$1""#, layer, archive])
        let diffID = try digest(archive)
        try Files.remove(archive)
        let layout = ImageLayout(directory + "/layout")
        try layout.make()
        let blob = try layout.descriptor("application/vnd.oci.image.layer.v1.tar+gzip", bytes: try Files.read(layer, limit: 1 << 30))
        let config = #"{"architecture":"\#(architecture)","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["\#(diffID)"]}}"#
        try layout.write(config: config, layers: [blob])
        return layout.path
    }

    /// An OCI layout (tag `latest`) in `directory` of one gzip layer with many small files, which takes more space as eStargz than as it is.
    public static func smallFiles(_ count: Int, in directory: String) throws -> String {
        var archive: [UInt8] = []
        for number in 0..<count {
            // Nothing that another file has; the name is made of the same, for it is compressed, too.
            let content = Array("\(Digest.sha256(Array("\(number)".utf8)).hex) \(Digest.sha256(Array("-\(number)".utf8)).hex)".utf8)
            let size = Int64(content.count)
            archive += TarWriter.header(name: "srv/file-\(number)", size: size) + content + TarWriter.padding(afterSize: size)
        }
        let layer = directory + "/small-files.tar"
        try AtomicFile.write(archive + TarWriter.end, to: layer)
        try run("gzip", ["-n", layer])
        return try oneLayer(layer + ".gz", in: directory)
    }

    /// A root file system with Debian's static busybox.
    public static func busyboxRoot(_ root: String, files: [File] = []) throws {
        let program = try requireProgram("busybox", package: "busybox-static")
        for name in ["bin", "etc", "proc", "sys", "dev", "root"] { try Files.makeDirectories(root + "/" + name) }
        try Files.makeDirectories(root + "/tmp", mode: 0o1777)
        try AtomicFile.write(try Files.read(program, limit: 64 << 20), to: root + "/bin/busybox", mode: 0o755)
        for name in ["sh", "echo", "cat", "id", "sleep", "true", "env", "pwd", "ls", "hostname", "kill", "stat", "grep", "mount", "touch"] {
            try run("ln", ["-s", "busybox", root + "/bin/" + name])
        }
        let basic = [
            File("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1001::/home/worker:/bin/sh\n"),
            File("etc/group", "root:x:0:\nworkers:x:1001:\naudio:x:29:worker\n"),
        ]
        for file in basic + files {
            let path = root + "/" + file.path
            guard let content = file.content else {
                try Files.makeDirectories(path, mode: file.mode)
                continue
            }
            try Files.makeDirectories(Paths.parent(of: path))
            try AtomicFile.write(content, to: path, mode: file.mode)
        }
    }

    /// Makes other bytes the manifest of a layout with one image.
    public static func replaceManifest(in layout: String, with manifest: [UInt8]) throws {
        try ImageLayout(layout).write(manifest: manifest)
    }

    /// Makes other bytes the configuration of a layout's one image.
    public static func replaceConfig(in layout: String, with config: [UInt8], of manifest: Manifest) throws {
        var manifest = manifest
        manifest.config = Descriptor(mediaType: MediaType.config, digest: Digest.sha256(config), size: Int64(config.count))
        try AtomicFile.write(config, to: layout + "/blobs/sha256/" + manifest.config.digest.hex)
        try ImageLayout(layout).write(manifest: Documents.encode(manifest))
    }

    /// Puts a layout's one image into an index, for this machine's platform, beside an attestation as docker's builder makes it.
    ///
    /// - Returns: the attestation.
    public static func addIndex(in layout: String) throws -> Descriptor {
        let outer = try Documents.decode(Index.self, from: Files.read(layout + "/index.json", limit: 1 << 20), what: "index.json")
        func store(_ bytes: [UInt8], _ type: String) throws -> Descriptor {
            let descriptor = Descriptor(mediaType: type, digest: Digest.sha256(bytes), size: Int64(bytes.count))
            try AtomicFile.write(bytes, to: layout + "/blobs/sha256/" + descriptor.digest.hex)
            return descriptor
        }
        let config = try store(
            Array(#"{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[]}}"#.utf8), MediaType.config)
        let statement = try store(Array(#"{"_type":"https://in-toto.io/Statement/v0.1"}"#.utf8), "application/vnd.in-toto+json")
        var attestation = try store(Documents.encode(Manifest(config: config, layers: [statement])), MediaType.manifest)
        attestation.platform = Platform(os: "unknown", architecture: "unknown")
        var image = outer.manifests[0]
        image.annotations = nil
        image.platform = .current
        var index = try store(Documents.encode(Index(manifests: [image, attestation])), MediaType.index)
        index.annotations = [Annotation.referenceName: "latest"]
        try AtomicFile.write(Documents.encode(Index(manifests: [index])), to: layout + "/index.json")
        return attestation
    }

    static func digest(_ file: String) throws -> Digest { Digest.sha256(try Files.read(file, limit: 1 << 30)) }

    static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }
}

/// An OCI image layout with one image in it.
struct ImageLayout {
    let path: String

    init(_ path: String) { self.path = path }

    func make() throws {
        try Files.makeDirectories(path + "/blobs/sha256")
        try AtomicFile.write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: path + "/oci-layout")
    }

    /// Moves a file in and describes it.
    func descriptor(_ type: String, file: String) throws -> String {
        let bytes = try Files.read(file, limit: 1 << 30)
        defer { try? Files.remove(file) }
        return try descriptor(type, bytes: bytes)
    }

    func descriptor(_ type: String, bytes: [UInt8], more: String = "") throws -> String {
        let digest = Digest.sha256(bytes)
        try AtomicFile.write(bytes, to: path + "/blobs/sha256/" + digest.hex)
        return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(bytes.count)\#(more)}"#
    }

    func write(config: String, layers: [String]) throws {
        let config = try descriptor("application/vnd.oci.image.config.v1+json", bytes: Array(config.utf8))
        let manifest = """
            {"schemaVersion":2,"mediaType":"\(ImageLayout.manifestType)","config":\(config),"layers":[\(layers.joined(separator: ","))]}
            """
        try write(manifest: Array(manifest.utf8))
    }

    static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    func write(manifest: [UInt8]) throws {
        let tagged = try descriptor(
            ImageLayout.manifestType, bytes: manifest, more: #","annotations":{"org.opencontainers.image.ref.name":"latest"}"#)
        try AtomicFile.write(Array(#"{"schemaVersion":2,"manifests":[\#(tagged)]}"#.utf8), to: path + "/index.json")
    }
}
