import Digests
import HostSystem
import OCI
import TestSupport

/// The reference's own library as a program that reads a layer: Tests/GoReference.
struct GoReference {
    private let program: String
    private let directory: TemporaryDirectory

    /// Compiles it; the compiler's cache is kept, so that only the first time takes seconds.
    init() throws {
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        program = directory.path + "/reference"
        // The library's package of Debian 13; the packages that it needs are Debian 12's.
        let library = try TestSupport.run(
            "bash", [Places.package + "/bench/peer.sh", "trixie", "golang-github-containerd-stargz-snapshotter-dev"],
            deadline: .seconds(300)
        ).outputText.dropLast()
        try GoCompiler.run(
            ["build", "-o", program, "main.go"], in: "GoReference", libraries: "\(library)/usr/share/gocode:\(GoCompiler.libraries)")
    }

    /// Reads a layer and verifies its TOC and all chunks.
    ///
    /// - Parameter toc: the TOC image's layer, when the TOC is not in the blob.
    /// - Returns: what the reference finds, by path.
    func read(_ blob: String, tocDigest: String, toc: String? = nil) throws -> [String: ReferenceEntry] {
        let result = try TestSupport.run(program, (toc.map { ["-toc", $0] } ?? []) + [blob, tocDigest])
        let entries = try result.output.split(separator: UInt8(ascii: "\n")).map {
            try Documents.decode(ReferenceEntry.self, from: Array($0), what: "a line of the reference")
        }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
    }
}

/// A path as the reference's library sees it; fields as in Tests/GoReference/main.go. Where a chunk lies in the blob is up to the writer.
struct ReferenceEntry: Decodable, Equatable {
    struct Chunk: Decodable {
        let offset: Int
        let size: Int
        let digest: String
        let innerOffset: Int
    }

    let name, type, link, userName, groupName, digest: String
    let size, mode, uid, gid, major, minor, linkCount: Int
    let mtime: String
    let xattrs: [String: String]?
    let chunks: [Chunk]?

    /// The reference writes whole seconds, we what the tar has: the fraction does not count.
    private var second: Substring { mtime.prefix { $0 != "." && $0 != "Z" } }

    static func == (left: ReferenceEntry, right: ReferenceEntry) -> Bool {
        (left.name, left.type, left.link, left.userName, left.groupName, left.digest)
            == (right.name, right.type, right.link, right.userName, right.groupName, right.digest)
            && (left.size, left.mode, left.uid, left.gid) == (right.size, right.mode, right.uid, right.gid)
            && (left.major, left.minor, left.linkCount) == (right.major, right.minor, right.linkCount)
            && left.second == right.second && (left.xattrs ?? [:]) == (right.xattrs ?? [:])
            && (left.chunks ?? []).elementsEqual(right.chunks ?? []) { ($0.offset, $0.size, $0.digest) == ($1.offset, $1.size, $1.digest) }
    }
}

/// A one-layer image on disk: the blobs that the reference is to read.
struct LayerOnDisk {
    let blob: String
    let tocDigest: String
    /// The TOC image's layer, of images with an external TOC.
    var toc: String?
    let diffID: Digest

    /// From an OCI layout, by tag. The TOC image has the same tag with `-esgztoc` after it.
    init(layout: String, tag: String, hasExternalTOC: Bool) throws {
        func blob(_ digest: Digest) -> String { layout + "/blobs/sha256/" + digest.hex }
        func document<Document: Decodable>(_ type: Document.Type, _ path: String) throws -> Document {
            try Documents.decode(type, from: Files.read(path, limit: 4 << 20), what: path)
        }
        let index = try document(Index.self, layout + "/index.json")
        func manifest(_ tag: String) throws -> Manifest {
            // An archive of one image may go without tags.
            let found = index.manifests.first { $0.annotations?[Annotation.referenceName] == tag }
            guard let found = found ?? (index.manifests.count == 1 ? index.manifests.first : nil) else {
                throw TestFailure("\(layout) has no image \(tag)")
            }
            return try document(Manifest.self, blob(found.digest))
        }
        let image = try manifest(tag)
        guard image.layers.count == 1, let tocDigest = image.layers[0].annotations?[Annotation.tocDigest] else {
            throw TestFailure("the image \(tag) of \(layout) should have one layer with a TOC digest: \(image.layers)")
        }
        self.blob = blob(image.layers[0].digest)
        self.tocDigest = tocDigest
        guard let diffID = try document(ImageConfig.self, blob(image.config.digest)).rootfs?.diffIDs.first else {
            throw TestFailure("the image \(tag) of \(layout) has no diffID")
        }
        self.diffID = diffID
        if hasExternalTOC { toc = blob(try manifest(tag + "-esgztoc").layers[0].digest) }
    }

    /// From a fixture: an OCI archive, and one for the TOC image.
    init(fixture name: String, hasExternalTOC: Bool, in directory: String) throws {
        func unpack(_ name: String) throws -> String {
            let layout = directory + "/" + name
            try Files.makeDirectories(layout)
            try TestSupport.run("tar", ["-xf", Fixtures.path(name + ".tar"), "-C", layout])
            return layout
        }
        try self.init(layout: unpack(name), tag: "latest", hasExternalTOC: false)
        guard hasExternalTOC else { return }
        let layout = try unpack(name + "-esgztoc")
        let index = try Documents.decode(Index.self, from: Files.read(layout + "/index.json", limit: 1 << 20), what: layout)
        let manifest = try Documents.decode(
            Manifest.self, from: Files.read(layout + "/blobs/sha256/" + index.manifests[0].digest.hex, limit: 1 << 20), what: layout)
        toc = layout + "/blobs/sha256/" + manifest.layers[0].digest.hex
    }
}
