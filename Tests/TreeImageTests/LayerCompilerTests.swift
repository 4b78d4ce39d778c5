import Digests
import EStargz
import TestSupport
import Testing
import TreeImage

@Suite("compiling TOCs")
struct LayerCompilerTests {
    private static let digest = Digest.sha256([1])

    private static func file(_ name: String, size: Int64 = 5, offset: Int64 = 100, inner: Int64 = 0) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .regular)
        entry.size = size
        entry.offset = offset
        entry.innerOffset = inner
        entry.digest = digest
        entry.chunkDigest = digest
        return entry
    }

    private static func chunk(_ name: String, at position: Int64, size: Int64, offset: Int64) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .chunk)
        entry.chunkOffset = position
        entry.chunkSize = size
        entry.offset = offset
        entry.chunkDigest = digest
        return entry
    }

    private static func link(_ name: String, to target: String) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .hardlink)
        entry.linkName = target
        return entry
    }

    private static func symlink(_ name: String, to target: String) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .symlink)
        entry.linkName = target
        return entry
    }

    private func compile(_ entries: [TOCEntry], blobSize: UInt64 = 1000) throws(TreeImageError) -> CompiledLayer {
        try LayerCompiler.compile(toc: TOC(entries: entries), blobSize: blobSize, payloadEnd: blobSize, compression: .gzip)
    }

    struct Hostile: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let entries: [TOCEntry]
    }

    static let hostile: [Hostile] = [
        Hostile(testDescription: "a path with ..", entries: [file("a/../../b")]),
        Hostile(testDescription: "a name over 255 bytes", entries: [file(String(repeating: "n", count: 256))]),
        Hostile(testDescription: "a path over 4095 bytes", entries: [file(String(repeating: "ab/", count: 2_000))]),
        Hostile(testDescription: "a path 100,000 directories deep", entries: [file(String(repeating: "d/", count: 100_000) + "f")]),
        Hostile(testDescription: "an absolute path with ..", entries: [file("/../etc/passwd")]),
        Hostile(testDescription: "a hard link to a path with ..", entries: [file("a"), link("b", to: "d/../a")]),
        Hostile(testDescription: "a whiteout of ..", entries: [TOCEntry(name: "d/.wh...", kind: .regular)]),
        Hostile(testDescription: "a whiteout of .", entries: [TOCEntry(name: ".wh..", kind: .regular)]),
        Hostile(testDescription: "an entry below a symbolic link", entries: [symlink("d", to: "/etc"), file("d/x")]),
        Hostile(
            testDescription: "an entry below a hard link to a symbolic link",
            entries: [symlink("s", to: "/etc"), link("d", to: "s"), file("d/x")]),
        Hostile(testDescription: "an entry below a file", entries: [file("d"), file("d/x", offset: 200)]),
        Hostile(testDescription: "a hard link to nothing", entries: [link("a", to: "b")]),
        Hostile(testDescription: "hard links in a circle", entries: [link("a", to: "b"), link("b", to: "a")]),
        Hostile(testDescription: "a hard link to a directory", entries: [TOCEntry(name: "d", kind: .directory), link("a", to: "d")]),
        Hostile(testDescription: "a size near 2^63", entries: [file("a", size: .max)]),
        Hostile(testDescription: "a size of 2^43 and one", entries: [file("a", size: 1 << 43 + 1)]),
        Hostile(
            testDescription: "files that make more than EROFS can address",
            entries: [file("a", size: 1 << 43), file("b", size: 1 << 43, offset: 200), file("c", offset: 300)]),
        Hostile(
            testDescription: "a chunk offset near -2^63",
            entries: [
                chunked("a", 10, 4), chunk("a", at: 4, size: 0, offset: 200), chunk("a", at: .min, size: 1, offset: 300),
            ]),
        Hostile(testDescription: "a chunk size near 2^63", entries: [chunked("a", 10, 4), chunk("a", at: 4, size: .max, offset: 200)]),
        Hostile(testDescription: "data at an offset near 2^63", entries: [file("a", offset: .max)]),
        Hostile(testDescription: "a negative inner offset", entries: [file("a", inner: .min)]),
        Hostile(testDescription: "a landmark at a negative offset", entries: [landmark(at: -1)]),
        Hostile(testDescription: "a landmark beyond the blob", entries: [landmark(at: .max)]),
        Hostile(testDescription: "a negative size", entries: [file("a", size: -1)]),
        Hostile(testDescription: "data beyond the blob", entries: [file("a", offset: 1000)]),
        Hostile(testDescription: "data at a negative offset", entries: [file("a", offset: -1)]),
        Hostile(testDescription: "two files in the same place", entries: [file("a"), file("b")]),
        Hostile(testDescription: "overlapping payloads in one member", entries: [file("a"), file("b", inner: 4)]),
        Hostile(testDescription: "chunks with a hole", entries: [chunked("a", 10, 4), chunk("a", at: 6, size: 4, offset: 200)]),
        Hostile(testDescription: "chunks that add up to less", entries: [chunked("a", 10, 4), chunk("a", at: 4, size: 4, offset: 200)]),
        Hostile(testDescription: "chunks that add up to more", entries: [chunked("a", 10, 4), chunk("a", at: 4, size: 40, offset: 200)]),
        Hostile(testDescription: "a chunk of another file", entries: [chunked("a", 10, 4), chunk("b", at: 4, size: 6, offset: 200)]),
        Hostile(testDescription: "chunks in the wrong order", entries: [chunked("a", 10, 4), chunk("a", at: 4, size: 6, offset: 50)]),
        Hostile(testDescription: "a chunk without a digest", entries: [undigested("a")]),
        Hostile(testDescription: "a uid beyond 32 bits", entries: [owned("a")]),
        Hostile(testDescription: "a link without a target", entries: [symlink("a", to: "")]),
    ]

    private static func chunked(_ name: String, _ size: Int64, _ first: Int64) -> TOCEntry {
        var entry = file(name, size: size)
        entry.chunkSize = first
        return entry
    }

    private static func landmark(at offset: Int64) -> TOCEntry {
        var entry = TOCEntry(name: TOC.prefetchLandmark, kind: .directory)
        entry.offset = offset
        return entry
    }

    private static func undigested(_ name: String) -> TOCEntry {
        var entry = file(name)
        entry.digest = nil
        entry.chunkDigest = nil
        return entry
    }

    private static func owned(_ name: String) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .directory)
        entry.uid = 1 << 32
        return entry
    }

    @Test("hostile tables are refused with the path", arguments: hostile)
    func refused(hostile: Hostile) throws {
        let error = try #require(throws: TreeImageError.self) { _ = try compile(hostile.entries) }
        guard case .entry = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test("a deep tree of short names is compiled, and so is a huge directory")
    func large() throws {
        let deep = (1...1000).map { TOCEntry(name: String(repeating: "d/", count: $0), kind: .directory) }
        #expect(try compile(deep).inodeCount == 1001)
        let wide = (0..<20_000).map { TOCEntry(name: "w/file-number-\($0)", kind: .fifo) }
        #expect(try compile(wide).inodeCount == 20_002)
    }

    @Test("a hard link may come before its target")
    func forwardLink() throws {
        #expect(try compile([Self.link("a", to: "b"), Self.link("c", to: "a"), Self.file("b")]).inodeCount == 2)
    }
}
