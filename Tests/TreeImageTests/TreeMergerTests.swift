import Digests
import EStargz
import HostSystem
import TestSupport
import Testing

@testable import TreeImage

@Suite("merging chains")
struct TreeMergerTests {
    private func open(_ erofs: [UInt8]) throws -> LayerTree {
        let directory = try TemporaryDirectory()
        try AtomicFile.write(erofs, to: directory.path + "/tree")
        return try LayerTree(path: directory.path + "/tree")
    }

    /// A layer of names: `d/` is a directory, `d/!` makes it opaque, `-x` is a whiteout of x, `x>y` a hard link to y; all else are files.
    private func layer(_ names: [String]) throws -> LayerTree { try open(compiled(names).erofs) }

    private func compiled(_ names: [String]) throws -> CompiledLayer {
        var offset: Int64 = 0
        let entries = names.map { name in
            var entry = TOCEntry(name: name, kind: name.hasSuffix("/") ? .directory : .regular)
            let parent = name.split(separator: "/").dropLast().map { $0 + "/" }.joined()
            if name.hasSuffix("/!") {
                entry.name = parent + ".wh..wh..opq"
            } else if let last = name.split(separator: "/").last, last.hasPrefix("-") {
                entry.name = parent + ".wh." + last.dropFirst()
            } else if let arrow = name.firstIndex(of: ">") {
                entry = TOCEntry(name: String(name[..<arrow]), kind: .hardlink)
                entry.linkName = String(name[name.index(after: arrow)...])
            } else if entry.kind == .regular {
                (entry.size, entry.offset, entry.chunkDigest) = (1, offset, Digest.sha256([1]))
                offset += 100
            }
            return entry
        }
        return try LayerCompiler.compile(toc: TOC(entries: entries), blobSize: 1 << 20, payloadEnd: 1 << 20, compression: .gzip)
    }

    /// Paths of a tree in the spelling of `layer`; a file carries the number of its layer and a hard link's count.
    private func names(_ tree: LayerTree) throws -> [String] {
        try WalkedTree(tree).files.compactMap { path, facts in
            let isOpaque = facts.xattrs["trusted.overlay.opaque"] != nil
            switch facts.attributes.mode & 0o170000 {
            case 0o040000: return path.isEmpty ? nil : path + (isOpaque ? "/!" : "/")
            case 0o020000:
                return path.split(separator: "/").dropLast().map { $0 + "/" }.joined() + "-" + (path.split(separator: "/").last ?? "")
            default:
                let links = facts.attributes.linkCount
                return path + "=\(facts.attributes.contentDevice)" + (links > 1 ? "x\(links)" : "")
            }
        }.sorted()
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let layers: [[String]]
        let whole: [String]
        /// The same with whiteouts kept.
        let part: [String]
    }

    static let cases: [Case] = [
        Case(
            testDescription: "an upper file replaces a lower one", layers: [["a", "b"], ["a"]], whole: ["a=2", "b=1"], part: ["a=2", "b=1"]),
        Case(
            testDescription: "directories of one name become one", layers: [["d/", "d/a"], ["d/", "d/b"], ["d/", "d/a"]],
            whole: ["d/", "d/a=3", "d/b=2"], part: ["d/", "d/a=3", "d/b=2"]),
        Case(testDescription: "a whiteout removes a file", layers: [["a", "b"], ["-a"]], whole: ["b=1"], part: ["-a", "b=1"]),
        Case(
            testDescription: "a whiteout removes a whole directory", layers: [["d/", "d/e/", "d/e/a"], ["-d"]], whole: [], part: ["-d"]),
        Case(testDescription: "a whiteout of nothing is not seen", layers: [["a"], ["-b"]], whole: ["a=1"], part: ["-b", "a=1"]),
        Case(
            testDescription: "what is removed may come again, without what was below", layers: [["d/", "d/a"], ["-d"], ["d/", "d/b"]],
            whole: ["d/", "d/b=3"], part: ["d/!", "d/b=3"]),
        Case(
            testDescription: "an opaque directory hides the lower ones", layers: [["d/", "d/a"], ["d/", "d/!", "d/b"], ["d/", "d/c"]],
            whole: ["d/", "d/b=2", "d/c=3"], part: ["d/!", "d/b=2", "d/c=3"]),
        Case(
            testDescription: "an opaque directory's whiteouts hide nothing more",
            layers: [["d/", "d/a"], ["d/", "d/!", "d/-a", "d/e/", "d/e/-x"]],
            whole: ["d/", "d/e/"], part: ["d/!", "d/e/"]),
        Case(
            testDescription: "a file over a directory hides the tree below it", layers: [["d/", "d/e/", "d/e/a"], ["d"]], whole: ["d=2"],
            part: ["d=2"]),
        Case(
            testDescription: "a directory over a file over a directory shows itself only",
            layers: [["d/", "d/a"], ["d"], ["d/", "d/b"]], whole: ["d/", "d/b=3"], part: ["d/!", "d/b=3"]),
        Case(
            testDescription: "a hard link counts the names that are left", layers: [["a", "b>a", "c>a"], ["b"], ["-c"]],
            whole: ["a=1", "b=2"], part: ["-c", "a=1", "b=2"]),
        Case(
            testDescription: "hard links of two layers stay two files", layers: [["a", "b>a"], ["c", "d>c"]],
            whole: ["a=1x2", "b=1x2", "c=2x2", "d=2x2"], part: ["a=1x2", "b=1x2", "c=2x2", "d=2x2"]),
        Case(
            testDescription: "an opaque root directory hides nothing", layers: [["a"], ["/!", "b"]], whole: ["a=1", "b=2"],
            part: ["a=1", "b=2"]),
    ]

    @Test("a chain shows what overlayfs shows", arguments: cases)
    func merged(example: Case) throws {
        let layers = try example.layers.map(layer)
        #expect(try names(open(TreeMerger.merge(layers).erofs)) == example.whole)
        #expect(try names(open(TreeMerger.merge(layers, keepsWhiteouts: true).erofs)) == example.part)
    }

    @Test("random chains show what unpacking their layers one over the other shows", arguments: 0..<40)
    func model(seed: UInt64) throws {
        let chain = RandomChain(seed: seed, layers: Int(seed % 7) + 1)
        let compiled = try CompiledChain(chain)
        let merged = try TreeMerger.merge(compiled.trees)
        #expect(merged.contentSizes == compiled.trees.map { $0.contentSize(ofDevice: 1) })
        let tree = try open(merged.erofs)
        let differences = try WalkedTree(tree).differences(from: ReferenceChain(chain, compiled).files)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        #expect(tree.inodeCount == merged.inodeCount)
        #expect(try !tree.hidesLowerFiles())
        #expect(try TreeMerger.merge([tree]).erofs == merged.erofs)
    }

    @Test("a chain merged in parts is the chain merged at once", arguments: 0..<40)
    func parts(seed: UInt64) throws {
        let chain = RandomChain(seed: 1000 + seed, layers: 6)
        let compiled = try CompiledChain(chain)
        let cuts = [0, Int(seed % 3) + 1, Int(seed % 2) + 4, 6]
        let segments = try zip(cuts, cuts.dropFirst()).map { low, high in
            try open(TreeMerger.merge(Array(compiled.trees[low..<high]), keepsWhiteouts: low > 0).erofs)
        }
        let tree = try open(TreeMerger.merge(segments).erofs)
        let differences = try WalkedTree(tree).differences(from: ReferenceChain(chain, compiled).files)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
    }

    @Test("the same chain gives the same bytes")
    func deterministic() throws {
        let compiled = try CompiledChain(RandomChain(seed: 7, layers: 5))
        #expect(try TreeMerger.merge(compiled.trees).erofs == TreeMerger.merge(compiled.trees).erofs)
    }

    @Test("a layer says whether it hides files of lower ones")
    func hides() throws {
        func hides(_ names: [String]) throws -> Bool {
            let isSeen = try layer(names).hidesLowerFiles()
            #expect(try compiled(names).hidesLowerFiles == isSeen)
            return isSeen
        }
        #expect(try !hides(["a", "d/", "d/e/", "d/e/b"]))
        #expect(try hides(["a", "d/", "d/e/", "d/e/-b"]))
        #expect(try hides(["a", "d/", "d/e/", "d/e/!"]))
        #expect(try hides(["/!"]))
    }

    @Test("more files than a merged tree may have are refused, and so is a damaged tree that leads in circles")
    func bounded() throws {
        let layers = try [layer(["a", "b", "c"]), layer(["a", "b", "c"])]
        var merge = ChainMerge(layers, keepsWhiteouts: false, maximumNames: 5)
        #expect(throws: TreeImageError.tree("the layers have more than 5 files together")) { _ = try merge.run() }
        var erofs = try LayerCompiler.compile(
            toc: TOC(entries: [TOCEntry(name: "directory", kind: .directory)]), blobSize: 1, payloadEnd: 1, compression: .gzip
        ).erofs
        // The entry's name stands behind the dots; the directory's own number replaces its node.
        let tree = try open(erofs)
        let node = try #require(tree.node(at: "directory"))
        for position in 0..<erofs.count - 8
        where erofs[position] == UInt8(node) && erofs[position + 1..<position + 8].allSatisfy({ $0 == 0 }) {
            erofs[position] = UInt8(tree.root)
        }
        let circle = try open(erofs)
        #expect(throws: TreeImageError.tree("a damaged tree leads in circles")) { try TreeMerger.merge([circle]) }
        #expect(throws: TreeImageError.self) { try circle.hidesLowerFiles() }
    }
}
