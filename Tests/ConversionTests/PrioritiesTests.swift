import Digests
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
        #expect(priorities.choose(from: names, layer: 3, manifest: manifest) == ["etc/y", "usr/bin/b", "usr/bin/a", "etc/x"])
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
        let priorities = try Priorities(record: text, path: "record")
        #expect(priorities.choose(from: names, layer: 0, manifest: manifest) == ["usr/bin/a", "usr/bin/b"])
        #expect(priorities.choose(from: names, layer: 1, manifest: manifest) == ["etc/x", "usr/bin/b"])
        #expect(priorities.unfulfilled == ["etc/y", "etc/*"])
    }

    @Test("a damaged record names its line", arguments: ["{}", "[]", "x", #"{"path":1}"#, #"{"path":"a","manifestDigest":"md5:1"}"#])
    func damaged(line: String) {
        let error = #expect(throws: PrioritiesError.self) { try Priorities(record: #"{"path":"a"}"# + "\n" + line, path: "record.json") }
        #expect(error?.description.hasPrefix("record.json:2: ") == true)
    }
}
