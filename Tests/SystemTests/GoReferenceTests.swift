import Digests
import HostSystem
import TestSupport
import Testing

/// A format of layers, ours and the reference's. A new one is a line in `all` or `written`, and nothing else.
struct LayerFormat: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// Options of `starling convert` that make it.
    let options: [String]
    /// The fixture that the reference made in it.
    let fixture: String
    /// Decompresses the blob to standard output.
    var decompressor = "gzip"
    /// Whether the TOC is in an image of its own.
    var hasExternalTOC = false
    /// Whether the archive is the source's, bit for bit: no landmark and no TOC in it.
    var keepsDiffID = false
    /// Whether chunks share members.
    var hasInnerOffsets = false

    static let estargz = LayerFormat(testDescription: "eStargz", options: [], fixture: "a-estargz")
    static let minimumChunks = LayerFormat(
        testDescription: "minimum chunk size", options: ["--min-chunk-size", "50000"], fixture: "a-minchunk", hasInnerOffsets: true)
    static let externalTOC = LayerFormat(
        testDescription: "external TOC", options: ["--external-toc"], fixture: "a-exttoc", hasExternalTOC: true)
    static let keptDiffID = LayerFormat(
        testDescription: "kept diffID", options: ["--external-toc", "--keep-diff-id"], fixture: "a-keepdiff", hasExternalTOC: true,
        keepsDiffID: true)
    static let zstdChunked = LayerFormat(
        testDescription: "zstd:chunked", options: ["--format", "zstd-chunked"], fixture: "a-zstdchunked", decompressor: "zstd")

    /// All that there are.
    static let all = [estargz, minimumChunks, externalTOC, keptDiffID, zstdChunked]
    /// Those that `starling convert` writes.
    static let written = all
}

@Suite("our layers, read by the reference's library", .serialized)
struct GoReferenceTests {
    private static let tag = "latest"
    private static let landmark = ".no.prefetch.landmark"
    private static let tocName = "stargz.index.json"

    private let reference: GoReference
    private let directory: TemporaryDirectory

    init() throws {
        reference = try GoReference()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
    }

    /// What the reference finds in the layer as it has converted it itself.
    private func expected(_ format: LayerFormat) throws -> [String: ReferenceEntry] {
        let layer = try LayerOnDisk(fixture: LayerFormat.estargz.fixture, hasExternalTOC: false, in: directory.path)
        var entries = try reference.read(layer.blob, tocDigest: layer.tocDigest)
        if format.keepsDiffID { entries[Self.landmark] = nil }
        return entries
    }

    /// The fixture's layer as `starling convert` converts it.
    private func convert(_ format: LayerFormat) throws -> LayerOnDisk {
        let source = try TestImages.oneLayer(Fixtures.path("a-layer.tar.gz"), in: directory.path)
        let target = directory.path + "/converted"
        try Starling.succeed(["convert"] + format.options + ["oci:\(source):\(Self.tag)", "oci:\(target):\(Self.tag)"])
        return try LayerOnDisk(layout: target, tag: Self.tag, hasExternalTOC: format.hasExternalTOC)
    }

    private func differences(_ found: [String: ReferenceEntry], _ expected: [String: ReferenceEntry]) -> String {
        Set(found.keys).union(expected.keys).sorted().compactMap { path in
            found[path] == expected[path]
                ? nil : "\(path):\n  found    \(found[path].map { "\($0)" } ?? "-")\n  expected \(expected[path].map { "\($0)" } ?? "-")"
        }.joined(separator: "\n")
    }

    @Test("the reference's own layers have the same entries in all formats", arguments: LayerFormat.all)
    func fixtures(_ format: LayerFormat) throws {
        let layer = try LayerOnDisk(fixture: format.fixture, hasExternalTOC: format.hasExternalTOC, in: directory.path + "/fixture")
        let entries = try reference.read(layer.blob, tocDigest: layer.tocDigest, toc: layer.toc)
        let expected = try expected(format)
        #expect(entries.count > 35)
        #expect(entries == expected, "\(differences(entries, expected))")
    }

    @Test(
        "it opens ours, verifies TOC and every chunk, and finds what it finds in its own, entry for entry", arguments: LayerFormat.written)
    func sameEntries(_ format: LayerFormat) throws {
        let layer = try convert(format)
        let entries = try reference.read(layer.blob, tocDigest: layer.tocDigest, toc: layer.toc)
        let expected = try expected(format)
        #expect(entries == expected, "\(differences(entries, expected))")
        let isShared = entries.values.contains { ($0.chunks ?? []).contains { $0.innerOffset > 0 } }
        #expect(isShared == format.hasInnerOffsets)
    }

    @Test(
        "gzip or zstd decompresses ours to the archive that the diffID names, and tar lists the source's names",
        arguments: LayerFormat.written)
    func ordinaryTools(_ format: LayerFormat) throws {
        let layer = try convert(format)
        let archive = directory.path + "/archive.tar"
        try TestSupport.run("sh", ["-c", #""$0" -dc < "$1" > "$2""#, format.decompressor, layer.blob, archive])
        #expect(try Digest.sha256(Files.read(archive, limit: 1 << 30)) == layer.diffID)

        let source = try TestSupport.run("tar", ["-tzf", Fixtures.path("a-layer.tar.gz")]).outputText.split(separator: "\n")
        let listed = try TestSupport.run("tar", ["-I", format.decompressor, "-tf", layer.blob]).outputText.split(separator: "\n")
        let added = [Self.landmark, Self.tocName].filter { listed.contains(Substring($0)) }
        let expected =
            format.keepsDiffID
            ? [] : format.hasExternalTOC || format.decompressor == "zstd" ? [Self.landmark] : [Self.landmark, Self.tocName]
        #expect(added == expected)
        #expect(listed.filter { !added.contains(String($0)) } == source)
    }

    @Test("a blob with one wrong byte is refused by the reading program: it does verify")
    func wrongByte() throws {
        let layer = try convert(.estargz)
        var bytes = try Files.read(layer.blob, limit: 1 << 30)
        // Somewhere in the members of the big files; a gzip's data, whatever byte it is.
        bytes[bytes.count / 2] ^= 0x10
        let broken = directory.path + "/broken"
        try AtomicFile.write(bytes, to: broken)
        #expect(throws: TestFailure.self) { try reference.read(broken, tocDigest: layer.tocDigest) }
        let other = "sha256:" + String(repeating: "0", count: 64)
        #expect(throws: TestFailure.self) { try reference.read(layer.blob, tocDigest: other) }
    }
}
