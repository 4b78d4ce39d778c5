import Digests
import EStargz
import HostSystem
import Inspection
import Testing
import TreeImage

@Suite("layers seen as one tree")
struct MergedTreeTests {
    private let directory: TemporaryDirectory
    private let tree: MergedTree

    private static func file(_ name: String, mode: Int64 = 0o644) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .regular)
        entry.mode = mode
        return entry
    }

    private static func link(_ name: String, _ target: String) -> TOCEntry {
        var entry = TOCEntry(name: name, kind: .symlink)
        entry.linkName = target
        return entry
    }

    private static let layers: [[TOCEntry]] = [
        [
            file("etc/a", mode: 0o600), file("etc/b"), file("gone/x"), file("opaque/old"), file("usr/lib/c"), link("lib", "usr/lib"),
            file("turns"),
            file("dir/x"),
        ],
        [
            file("etc/a", mode: 0o644), file("etc/.wh.b"), file(".wh.gone"), file("opaque/.wh..wh..opq"), file("opaque/new"),
            file("turns/into"), file("dir"),
        ],
        [
            file("etc/d"), link("up", "../../etc/./d"), link("abs", "/lib/c"), link("loop1", "loop2"), link("loop2", "loop1"),
            link("out", "../../.."),
            file("gone/again"),
        ],
    ]

    init() throws {
        directory = try TemporaryDirectory()
        var trees: [LayerTree] = []
        for (index, entries) in Self.layers.enumerated() {
            let compiled = try LayerCompiler.compile(toc: TOC(entries: entries), blobSize: 100, payloadEnd: 100, compression: .gzip)
            try AtomicFile.write(compiled.erofs, to: "\(directory.path)/\(index)")
            trees.append(try LayerTree(path: "\(directory.path)/\(index)"))
        }
        tree = MergedTree(trees)
    }

    private func names(_ path: String) -> [String]? {
        tree.find(path).map { tree.entries(of: $0).map { String(decoding: $0.name, as: UTF8.self) } }
    }

    @Test("upper layers win, whiteouts and opaque directories hide, directories join")
    func merging() {
        #expect(names("/etc") == ["a", "d"])
        #expect(tree.find("etc/a")?.attributes.mode == 0o100644)
        #expect(names("opaque") == ["new"] && names("gone") == ["again"] && names("turns") == ["into"])
        #expect(tree.find("dir")?.isRegular == true && tree.find("dir/x") == nil)
        #expect(names("/")?.contains("gone") == true && names("/")?.contains(".wh.gone") == false)
    }

    @Test(
        "links are followed within the tree and never out of it",
        arguments: [("up", "etc/d"), ("abs", "usr/lib/c"), ("lib/c", "usr/lib/c"), ("out/etc/a", "etc/a"), ("/../../etc/./a", "etc/a")])
    func links(path: String, target: String) throws {
        let (found, wanted) = (try #require(tree.find(path)), try #require(tree.find(target)))
        #expect(found.layer == wanted.layer && found.node == wanted.node)
    }

    @Test("a circle of links, and what is below a file, lead nowhere", arguments: ["loop1", "loop1/x", "etc/a/x", "none", "lib/none"])
    func nowhere(path: String) {
        #expect(tree.find(path) == nil)
        #expect(tree.find("loop1", followsLast: false)?.isLink == true)
    }
}
