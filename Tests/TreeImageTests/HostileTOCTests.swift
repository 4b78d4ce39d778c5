import Digests
import EStargz
import HostSystem
import TestSupport
import Testing

@testable import TreeImage

@Suite("TOCs that want to cost something")
struct HostileTOCTests {
    private func compile(_ entries: [TOCEntry], blobSize: UInt64 = 1 << 50) throws -> CompiledLayer {
        try LayerCompiler.compile(toc: TOC(entries: entries), blobSize: blobSize, payloadEnd: blobSize, compression: .gzip)
    }

    private func compileOnTwoThreads(_ entries: [TOCEntry], blobSize: UInt64 = 1 << 50) async throws -> CompiledLayer {
        try await LayerCompiler.compileOnTwoThreads(
            toc: TOC(entries: entries), blobSize: blobSize, payloadEnd: blobSize, compression: .gzip)
    }

    private func file(_ name: String, size: Int64 = 5, offset: Int64 = 100) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .regular)
        (entry.size, entry.offset, entry.chunkDigest) = (size, offset, Digest.sha256([1]))
        return entry
    }

    private func link(_ name: String, to target: String) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .hardlink)
        entry.linkName = target
        return entry
    }

    @Test("a chain of 50,000 hard links, each to the one after it, is followed once", .timeLimit(.minutes(1)))
    func chain() throws {
        let links = (0..<50_000).map { link("l\($0)", to: "l\($0 + 1)") }
        #expect(try compile(links + [file("l50000")]).inodeCount == 2)
        #expect(try compile(links.reversed() + [file("l50000")]).inodeCount == 2)
    }

    @Test("a circle of 50,000 hard links is refused by name", .timeLimit(.minutes(1)))
    func circle() throws {
        let links = (0..<50_000).map { link("l\($0)", to: "l\(($0 + 1) % 50_000)") }
        let error = #expect(throws: TreeImageError.self) { try compile(links) }
        #expect(error?.description.contains("not in the layer") == true)
    }

    @Test("of several links of one name the last one wins, wherever their targets are")
    func repeatedLinks() throws {
        let tree = try tree([link("x", to: "b"), link("x", to: "c"), file("b"), file("c", size: 7, offset: 200)])
        #expect(try size("x", tree) == 7)
    }

    @Test("absolute names, names with ./ and slashes at the end mean the same file, and the last one wins")
    func spellings() throws {
        let tree = try tree([file("/etc/passwd"), file("./etc//passwd", offset: 200), file("etc/passwd/", size: 9, offset: 300)])
        #expect(tree.inodeCount == 3)
        #expect(try size("passwd", tree, in: "etc") == 9)
    }

    @Test("directories that paths imply count against the bound of files")
    func implied() throws {
        let deep = (0..<100).map { TOCEntry(name: "\($0)/" + String(repeating: "d/", count: 20), kind: .directory) }
        var builder = TreeBuilder(TOC(entries: deep), maximumNodes: 2_000)
        #expect(throws: TreeImageError.tree("the layer has more than 2000 files")) { try builder.build() }
        var larger = TreeBuilder(TOC(entries: deep), maximumNodes: 2_200)
        try larger.build()
    }

    @Test("a chunk in front of a hole of a terabyte does not bring the hole along")
    func hole() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(compile([file("a"), file("b", offset: 1 << 40)]).chunkMap, to: directory.path + "/chunks")
        let map = try ChunkMap(path: directory.path + "/chunks")
        #expect(map.chunk(0).blobLength == ChunkTable.largestSpan && map.chunk(1).blobLength == ChunkTable.largestSpan)
        #expect(map.chunk(1).blobOffset == 1 << 40)
    }

    @Test("the image of a TOC is the same in every process, whatever its hashes are seeded with")
    func deterministic() throws {
        let corpus = Fixtures.package + "/testdata/fuzz"
        let toc = try Fixtures.bytes(corpus + "/toc/seed-kinds").withUnsafeBytes { try TOCParser.parse($0) }
        #expect(try compile(toc.entries, blobSize: 1 << 20).erofs == Fixtures.bytes(corpus + "/erofs/seed-kinds"))
    }

    @Test("two threads make what one makes, and refuse what is wrong with the same words")
    func twoThreads() async throws {
        let seed = Fixtures.package + "/testdata/fuzz/toc/seed-kinds"
        let toc = try Fixtures.bytes(seed).withUnsafeBytes { try TOCParser.parse($0) }
        let (one, two) = (try compile(toc.entries), try await compileOnTwoThreads(toc.entries))
        #expect(one.erofs == two.erofs && one.chunkMap == two.chunkMap)
        #expect((one.contentSize, one.chunkCount, one.inodeCount) == (two.contentSize, two.chunkCount, two.inodeCount))
        let tooMuch = [file("a", size: 1 << 43), file("b", size: 1 << 43, offset: 200), file("c", offset: 300)]
        for wrong in [[file("a", offset: -1)], [file("../a")], tooMuch] {
            let error = #expect(throws: TreeImageError.self) { try compile(wrong) }
            let other = await #expect(throws: TreeImageError.self) { try await compileOnTwoThreads(wrong) }
            #expect(error == other)
        }
    }

    @Test("a megabyte of paths costs a bounded multiple of itself, and the whole JSON no more")
    func memory() throws {
        let names = (0..<250).map { "\($0)/" + String(repeating: "d/", count: 2_000) }
        let json = TOCSerializer.json(TOC(entries: names.map { TOCEntry(name: $0, kind: .directory) }))
        let growth = try PeakMemory.growth {
            let toc = try json.withUnsafeBytes { try TOCParser.parse($0) }
            #expect(try compile(toc.entries).inodeCount == 500_251)
        }
        // Half a million directories: 600 bytes each while the image is made, 128 of them the image.
        #expect(growth < 500 << 20, "\(growth >> 20) MiB for \(json.count >> 10) KiB")
    }

    private func tree(_ entries: [TOCEntry]) throws -> LayerTree {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(compile(entries).erofs, to: directory.path + "/tree")
        return try LayerTree(path: directory.path + "/tree")
    }

    private func size(_ name: String, _ tree: LayerTree, in parent: String? = nil) throws -> UInt64 {
        func lookup(_ name: String, _ parent: TreeNode) throws -> TreeNode {
            try #require(Array(name.utf8).withUnsafeBytes { tree.lookup($0, in: parent) })
        }
        let directory = try parent.map { try lookup($0, tree.root) } ?? tree.root
        return try #require(tree.attributes(of: lookup(name, directory))).size
    }
}
