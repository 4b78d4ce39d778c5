import Digests
import EStargz
import HostSystem
import Testing
import TreeImage

/// What tar(1) makes of an archive, and the reference of a TOC: the last entry of a name is what it means. The order in which hard links and
/// their targets come must not change that.
@Suite("names that a TOC has twice")
struct NamedTwiceTests {
    /// An entry in short: `x=5` a file of that size, `x/` a directory, `x>y` a hard link to y, `x@y` a symbolic link to y.
    private func entry(_ text: String, offset: Int64) -> TOCEntry {
        let parts = text.split(separator: /[=>@]/).map(String.init)
        var entry = TOCEntry(name: parts[0], kind: .directory)
        if text.contains("=") {
            (entry.kind, entry.size, entry.offset, entry.chunkDigest) = (.regular, Int64(parts[1]) ?? 0, offset, Digest.sha256([1]))
        } else if parts.count == 2 {
            (entry.kind, entry.linkName) = (text.contains(">") ? .hardlink : .symlink, parts[1])
        }
        return entry
    }

    /// The tree of some entries: each path with its size, `/` for directories, `!` behind opaque ones, `@` for symbolic links, `-` for whiteouts.
    private func tree(_ entries: String) throws -> String {
        let toc = TOC(entries: entries.split(separator: " ").enumerated().map { entry(String($1), offset: Int64($0 + 1) * 100) })
        let compiled = try LayerCompiler.compile(toc: toc, blobSize: 10_000, payloadEnd: 10_000, compression: .gzip)
        let directory = try TemporaryDirectory()
        try AtomicFile.write(compiled.erofs, to: directory.path + "/tree")
        let tree = try LayerTree(path: directory.path + "/tree")
        var lines: [String] = []
        func walk(_ node: TreeNode, _ path: String) throws {
            var children: [(String, TreeNode)] = []
            _ = tree.forEachEntry(in: node, from: 0) { name, child, _, _ in
                children.append((String(decoding: name, as: UTF8.self), child))
                return true
            }
            for (name, child) in children where name != "." && name != ".." {
                let facts = try #require(tree.attributes(of: child))
                let isOpaque = Array("trusted.overlay.opaque".utf8).withUnsafeBytes { tree.xattr($0, of: child) != nil }
                switch facts.mode & 0o170000 {
                case 0o040000:
                    lines.append("\(path)\(name)/\(isOpaque ? "!" : "")")
                    try walk(child, "\(path)\(name)/")
                case 0o120000: lines.append("\(path)\(name)@")
                case 0o020000: lines.append("\(path)\(name)-")
                default: lines.append("\(path)\(name)=\(facts.size)" + (facts.linkCount == 1 ? "" : "*\(facts.linkCount)"))
                }
            }
        }
        try walk(tree.root, "")
        return lines.joined(separator: " ")
    }

    @Test(
        "what comes after a hard link of its name takes its place, wherever the link's target is",
        arguments: [
            ("b=7 x>b x=5", "b=7 x=5"), ("x>b x=5 b=7", "b=7 x=5"), ("x>b b=7 x=5", "b=7 x=5"),
            ("x>b x/ b=7", "b=7 x/"), ("x>b x/ x/y=5 b=7", "b=7 x/ x/y=5"), ("x>b x@b b=7", "b=7 x@"),
            ("x>b x>c b=7 c=5", "b=7 c=5*2 x=5*2"), ("x>b c=5 x>c b=7", "b=7 c=5*2 x=5*2"),
        ])
    func after(entries: String, expected: String) throws {
        #expect(try tree(entries) == expected)
    }

    @Test(
        "a hard link takes the place of what came before it, wherever its target is",
        arguments: [
            ("b=7 x=5 x>b", "b=7*2 x=7*2"), ("x=5 x>b b=7", "b=7*2 x=7*2"),
            ("d/ d/f=5 d>b b=7", "b=7*2 d=7*2"), ("b=7 d/ d/f=5 d>b", "b=7*2 d=7*2"),
            ("s@t s>b b=7", "b=7*2 s=7*2"),
        ])
    func before(entries: String, expected: String) throws {
        #expect(try tree(entries) == expected)
    }

    @Test(
        "a link to the name of another link means the file that the name means in the end",
        arguments: [
            ("z>x x>b b=7", "b=7*3 x=7*3 z=7*3"), ("x>b z>x b=7", "b=7*3 x=7*3 z=7*3"), ("x>b z>x x=5 b=7", "b=7 x=5*2 z=5*2"),
            ("x=5 x>b z>x b=7", "b=7*3 x=7*3 z=7*3"), ("x>y y>x x=5", "x=5*2 y=5*2"),
        ])
    func chains(entries: String, expected: String) throws {
        #expect(try tree(entries) == expected)
    }

    @Test("a link to a file that its own layer removes is refused")
    func whitedOutTarget() {
        let error = #expect(throws: TreeImageError.self) { try tree(".wh.b x>b b=5") }
        #expect(error?.description.contains("which the layer removes") == true)
    }

    @Test(
        "nothing can be put below a hard link, and a link whose target never comes is refused, even when something took its place",
        arguments: ["b=7 x>b x/y=5", "x>b x/y=5 b=7", "x>b b=7 x/y=5", "x>b x=5", "x>x", "x>y y>z z>y", "x>d d/", "x>d/f d/", "x>b .wh.b"])
    func refused(entries: String) {
        #expect(throws: TreeImageError.self) { try tree(entries) }
    }

    @Test(
        "a whiteout is about lower layers only: what its own layer has stays, and a directory hides the lower one",
        arguments: [
            (".wh.x", "x-"), (".wh.x x=5", "x=5"), ("x=5 .wh.x", "x=5"), (".wh.x x>b b=7", "b=7*2 x=7*2"), ("x>b .wh.x b=7", "b=7*2 x=7*2"),
            (".wh.x x/ x/y=5", "x/! x/y=5"), ("x/ .wh.x x/y=5", "x/! x/y=5"), (".wh.x x/y=5", "x/! x/y=5"), ("x/y=5 .wh.x", "x/! x/y=5"),
            (".wh.x x/y=5 x/", "x/! x/y=5"), (".wh.x x=5 x/", "x/!"), ("d/ d/.wh.x d=5 d/ d/x/", "d/ d/x/!"),
            ("a/.wh..wh.plnk a/.wh. b/.wh..wh..opq", "b/!"),
        ])
    func whiteouts(entries: String, expected: String) throws {
        #expect(try tree(entries) == expected)
    }
}
