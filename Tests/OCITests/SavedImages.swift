import Digests
import HostSystem
import OCI
import TestSupport
import Testing

/// What `docker save` of older versions writes, piece by piece: a directory that becomes an archive.
struct SavedImages {
    let directory: String

    /// An image with its layers as plain tars; they need not be tars to be carried about.
    struct Image {
        var tags: [String]?
        var layers: [[UInt8]]
        /// Members that hold the layers; nil for `<hex>.tar`.
        var names: [String]?

        var config: [UInt8] {
            let diffIDs = layers.map { "\"\(Digest.sha256($0))\"" }.joined(separator: ",")
            return Array(#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[\#(diffIDs)]}}"#.utf8)
        }

        var configName: String { Digest.sha256(config).hex + ".json" }
        var layerNames: [String] { names ?? layers.map { Digest.sha256($0).hex + ".tar" } }
    }

    init(in directory: String) throws {
        self.directory = directory
        try Files.makeDirectories(directory)
    }

    /// Bytes that are no tar, but are told from each other.
    static func layer(_ seed: Int, count: Int = 300_000) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* seed &+ 65) } }

    /// Puts a file into the archive.
    func put(_ name: String, _ bytes: [UInt8]) throws {
        try Files.makeDirectories(Paths.parent(of: directory + "/" + name))
        try AtomicFile.write(bytes, to: directory + "/" + name)
    }

    /// Puts images with configurations, layers and manifest.json into the archive.
    func put(_ images: Image...) throws {
        var entries: [String] = []
        for image in images {
            try put(image.configName, image.config)
            for (name, bytes) in zip(image.layerNames, image.layers) where !Files.exists(directory + "/" + name) { try put(name, bytes) }
            let tags = image.tags.map { "[" + $0.map { "\"\($0)\"" }.joined(separator: ",") + "]" } ?? "null"
            let layers = image.layerNames.map { "\"\($0)\"" }.joined(separator: ",")
            entries.append(#"{"Config":"\#(image.configName)","RepoTags":\#(tags),"Layers":[\#(layers)]}"#)
        }
        try put("manifest.json", Array("[\(entries.joined(separator: ","))]".utf8))
    }

    /// Makes the archive.
    ///
    /// - Parameter format: of the tar, as GNU tar names it.
    func archive(format: String = "ustar") throws -> String {
        let path = directory + ".tar"
        try run("tar", ["--format=" + format, "--sort=name", "-C", directory, "-cf", path, "."])
        return path
    }
}

/// All bytes of a blob, verified.
func content(of blob: Descriptor, in source: any ImageSource) async throws -> [UInt8] {
    let stream = try await source.blob(blob)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 100_000)
    while case let count = try buffer.withUnsafeMutableBytes({ try stream.read(into: $0) }), count > 0 { bytes += buffer[..<count] }
    return bytes
}

/// The manifest that a source leads to.
func manifest(of source: any ImageSource) async throws -> Manifest {
    let (root, bytes) = try await source.root()
    #expect(root.digest == Digest.sha256(bytes) && root.size == Int64(bytes.count))
    #expect(try await source.document(root) == bytes)
    return try Documents.decode(Manifest.self, from: bytes, what: "manifest")
}
