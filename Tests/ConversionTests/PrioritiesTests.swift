import Digests
import OCI
import Testing

@testable import Conversion

@Suite("files that come first")
struct PrioritiesTests {
    @Test(
        "patterns match as shells do, with ** for directories",
        arguments: [
            ("usr/bin/python3", "usr/bin/python3", true), ("/usr//bin/./python3/", "usr/bin/python3", true),
            ("usr/bin", "usr/bin/python3", false),
            ("usr/*/python3", "usr/bin/python3", true), ("usr/*", "usr/bin/python3", false), ("**/python3", "usr/bin/python3", true),
            ("**/python3", "python3", true), ("usr/**", "usr/bin/python3", true), ("usr/**", "usr", true), ("**", "any/thing", true),
            ("usr/**/**/python3", "usr/python3", true), ("usr/bin/python?", "usr/bin/python3", true),
            ("usr/bin/python?", "usr/bin/python", false),
            ("*.so.[0-9]", "libc.so.6", true), ("*.so.[!0-9]", "libc.so.6", false), ("[]a]", "]", true), ("[a", "[a", true),
            ("[z-a]", "b", false),
            (#"a\*b"#, "a*b", true), (#"a\*b"#, "axb", false), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbYc_", false),
            ("*", ".hidden", true),
            ("ü?", "üb", true), ("a**b", "axb", true), ("", "", false),
        ])
    func patterns(pattern: String, path: String, isMatch: Bool) {
        #expect(PathPattern(pattern).matches(path) == isMatch)
    }

    @Test("a pattern made to be slow is not")
    func hostile() {
        let path = Array(repeating: String(repeating: "a", count: 250), count: 16).joined(separator: "/")
        let stars = Array(repeating: String(repeating: "*a", count: 100) + "b", count: 1).joined()
        #expect(!PathPattern("**/" + stars).matches(path))
        #expect(!PathPattern(Array(repeating: "**", count: 1000).joined(separator: "/") + "/b").matches(path))
    }

    private let names = ["usr", "usr/bin", "usr/bin/b", "usr/bin/a", "etc/x", "etc/y"]
    private let manifest = Digest.sha256([1])

    @Test("a list's order is kept, a glob's matches come in the archive's order, each once, and what nobody has is told")
    func list() throws {
        let text = "# first\n\n  etc/y  \nusr/bin/*\netc/*\nno/such\n\\#x\n"
        let priorities = try Priorities(list: text, path: "list")
        #expect(priorities.choose(from: names, layer: 3, manifest: manifest).map(\.name) == ["etc/y", "usr/bin/b", "usr/bin/a", "etc/x"])
        #expect(priorities.unfulfilled == ["no/such", "\\#x"])
    }

    @Test("a record is about its layer of its manifest, and its paths are no patterns")
    func record() throws {
        let text = """
            {"path":"usr/bin/a","manifestDigest":"\(manifest)","layerIndex":0}
            {"path":"etc/x","manifestDigest":"\(manifest)","layerIndex":1}
            {"path":"etc/y","manifestDigest":"\(Digest.sha256([2]))","layerIndex":0}
            {"path":"etc/*"}
            {"path":"/usr/bin/b"}

            """
        let priorities = try Priorities(AccessRecord(parsing: text, path: "record"))
        #expect(priorities.choose(from: names, layer: 0, manifest: manifest).map(\.name) == ["usr/bin/a", "usr/bin/b"])
        #expect(priorities.choose(from: names, layer: 1, manifest: manifest).map(\.name) == ["etc/x", "usr/bin/b"])
        #expect(priorities.unfulfilled == ["etc/y", "etc/*"])
    }

    @Test("a damaged record names its line", arguments: ["{}", "[]", "x", #"{"path":1}"#, #"{"path":"a","manifestDigest":"md5:1"}"#])
    func damaged(line: String) {
        let error = #expect(throws: AccessRecordError.self) {
            try AccessRecord(parsing: #"{"path":"a"}"# + "\n" + line, path: "record.json")
        }
        #expect(error?.description.hasPrefix("record.json:2: ") == true)
    }

    @Test("ranges of one file from several lines stay where they are; a line without any means all of it, at the first of its places")
    func ranges() throws {
        let text = """
            {"path":"usr/bin/a","ranges":[{"offset":0,"size":10},{"offset":-1,"size":1},{"offset":90,"size":9223372036854775807}]}
            {"path":"usr/bin/b","ranges":[{"offset":5,"size":5}]}
            {"path":"usr/bin/a","ranges":[{"offset":20,"size":5}]}
            {"path":"etc/x","ranges":[{"offset":0,"size":1}]}
            {"path":"usr/bin/b"}
            {"path":"usr/bin/b","ranges":[{"offset":0,"size":1}]}
            """
        let choices = try Priorities(AccessRecord(parsing: text, path: "record")).choose(from: names, layer: 0, manifest: manifest)
        #expect(choices.map(\.name) == ["usr/bin/a", "usr/bin/b", "usr/bin/a", "etc/x"])
        #expect(choices.map(\.ranges) == [[0..<10, 90..<Int64.max], nil, [20..<25], [0..<1]])
    }
}

@Suite("what of a file is repeated before the landmark")
struct FrontRangesTests {
    @Test("whole pages, with the smallest gaps closed as long as that adds little")
    func pages() {
        let read: [Range<Int64>] = [200_000..<200_001, 0..<100_000, 106_496..<150_000, 9_999_999..<20_000_000]
        // 100,000 ends in the page up to 102,400; the gap of one page is less than a twentieth of what was read.
        #expect(FrontRanges(read, fileSize: 10_000_000)?.ranges == [0..<151_552, 196_608..<200_704, 9_998_336..<10_000_000])
    }

    @Test("nothing for files that are small or were read nearly whole, or not at all")
    func whole() {
        #expect(FrontRanges([0..<1], fileSize: 16 << 10) == nil)
        #expect(FrontRanges([0..<95_000], fileSize: 100_000) == nil)
        #expect(FrontRanges([], fileSize: 100_000) == nil)
        #expect(FrontRanges([100_000..<200_000], fileSize: 100_000) == nil)
    }

    @Test("each read brings what no earlier one has, in blocks, and together they are all of it")
    func inOrder() throws {
        let block = FrontRanges.blockSize
        let reads: [[Range<Int64>]] = [
            [10 * block..<11 * block], [0..<4096], [0..<3 * block, 10 * block + 4096..<12 * block], [1..<2], [20 * block..<Int64.max],
        ]
        let ranges = try #require(FrontRanges(reads.flatMap { $0 }, fileSize: 100 * block + 1))
        #expect(ranges.ranges == [0..<3 * block, 10 * block..<12 * block, 20 * block..<100 * block + 1])
        #expect(
            ranges.inOrder(of: reads) == [
                [10 * block..<11 * block], [0..<block], [block..<3 * block, 11 * block..<12 * block], [], [20 * block..<100 * block + 1],
            ])
    }

    @Test("too many pieces are none: all of it comes with the first read")
    func pieces() throws {
        let block = FrontRanges.blockSize
        let blocks = (0..<Int64(3000)).map { [$0 * block..<($0 + 1) * block] }
        let reads = stride(from: 0, to: 3000, by: 2).map { blocks[$0] } + stride(from: 1, to: 3000, by: 2).map { blocks[$0] }
        let pieces = try #require(FrontRanges(reads.flatMap { $0 }, fileSize: 4000 * block)).inOrder(of: reads)
        #expect(pieces.first == [0..<3000 * block] && pieces.dropFirst().allSatisfy(\.isEmpty))
    }

    @Test("never more than a TOC should hold")
    func bound() throws {
        let read = (0..<Int64(3000)).map { $0 * 1_000_000..<$0 * 1_000_000 + 1 }
        #expect(try #require(FrontRanges(read, fileSize: 3_000_000_000)).ranges.count == FrontRanges.mostRanges)
    }
}
