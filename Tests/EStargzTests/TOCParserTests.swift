import Digests
import EStargz
import Testing

@Suite("TOC documents")
struct TOCParserTests {
    private func parse(_ json: String) throws -> TOC {
        try Array(json.utf8).withUnsafeBytes { try TOCParser.parse($0) }
    }

    @Test("every field of an entry is read")
    func fields() throws {
        let digest = "sha256:" + String(repeating: "0a", count: 32)
        let toc = try parse(
            """
            {"version":1,"unknown":{"a":[1,2.5e3,{"b":null}]},"entries":[{"name":"a\\u00e4\\ud83c\\udf1f\\n","type":"reg","size":9,"modtime":"2023-11-14T23:13:20.5+01:00",
            "linkName":"l","mode":2541,"uid":1,"gid":2,"userName":"u","groupName":"g","devMajor":3,"devMinor":4,"NumLink":5,
            "xattrs":{"user.a":"AAE=","user.b":null},"digest":"\(digest)","offset":6,"innerOffset":7,"chunkOffset":8,"chunkSize":10,"chunkDigest":"\(digest)"}]}
            """)
        let entry = try #require(toc.entries.first)
        #expect(entry.name == "aä🌟\n")
        #expect(entry.modificationTime == TOCEntry.Time(seconds: 1_700_000_000, nanoseconds: 500_000_000))
        #expect((entry.size, entry.mode, entry.uid, entry.gid) == (9, 2541, 1, 2))
        #expect((entry.userName, entry.groupName, entry.linkName) == ("u", "g", "l"))
        #expect((entry.deviceMajor, entry.deviceMinor, entry.linkCount) == (3, 4, 5))
        #expect(entry.xattrs == ["user.a": [0, 1], "user.b": []])
        #expect((entry.offset, entry.innerOffset, entry.chunkOffset, entry.chunkSize) == (6, 7, 8, 10))
        #expect(entry.digest?.description == digest && entry.chunkDigest?.description == digest)
    }

    @Test("what is written reads back the same")
    func roundTrip() throws {
        var entry = TOCEntry(name: "dir/\"quoted\"\\\u{1}\t ü", kind: .regular)
        entry.size = .max
        entry.modificationTime = TOCEntry.Time(seconds: -1, nanoseconds: 7)
        entry.xattrs = ["security.capability": [1, 0, 0, 2], "user.empty": []]
        entry.chunkDigest = Digest.sha256([1, 2, 3])
        entry.mode = 0o7777
        let toc = TOC(entries: TOCEntry.Kind.allCases.map { TOCEntry(name: $0.name, kind: $0) } + [entry])
        let json = TOCSerializer.json(toc)
        #expect(try json.withUnsafeBytes { try TOCParser.parse($0) } == toc)
    }

    @Test(
        "damaged documents are refused",
        arguments: [
            "", "{", "[]", "{}", "{\"version\":2,\"entries\":[]}", "{\"version\":1,\"entries\":[{}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\"",
            "{\"version\":1,\"entries\":[]} x", "{\"version\":1,\"entries\":[{\"type\":\"socket\"}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"size\":1.5}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"size\":9223372036854775808}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"size\":\"1\"}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"name\":\"a}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"name\":\"\\x\"}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"digest\":\"md5:00\"}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"modtime\":\"yesterday\"}]}",
            "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"xattrs\":{\"a\":\"***\"}}]}",
            "{\"version\":1,\"a\":" + String(repeating: "[", count: 100_000),
        ])
    func damaged(json: String) {
        #expect(throws: FormatError.self) { try parse(json) }
    }

    private static func entry(_ members: String) -> String {
        "{\"version\":1,\"entries\":[{\"type\":\"reg\",\"name\":\"a\",\"size\":7\(members)}]}"
    }

    @Test(
        "a key that Go would take twice is refused, for then two readers see two trees",
        arguments: [
            entry(",\"size\":8"), entry(",\"Size\":8"), entry(",\"s\\u0069ze\":8"), entry(",\"\u{17f}ize\":8"), entry(",\"SI\\u005aE\":8"),
            entry(",\"uid\":1,\"uid\":1"), entry(",\"chunkSize\":1,\"chun\u{212a}Size\":1"),
            entry(",\"xattrs\":{\"user.a\":\"\",\"user.a\":\"AA==\"}"),
            entry(",\"xattrs\":{\"user.a\":\"\",\"user.\\u0061\":\"AA==\"}"), entry(",\"type\":\"reg\""),
            entry(",\"digest\":\"\",\"dige\u{17f}t\":\"\""), entry(",\"NumLink\":1,\"numlin\u{212a}\":1"),
            "{\"version\":1,\"version\":1,\"entries\":[]}", "{\"version\":1,\"entries\":[],\"entr\\u0069es\":[]}",
            "{\"version\":1,\"Entries\":[],\"entrie\u{17f}\":[]}",
        ])
    func twice(json: String) {
        let error = #expect(throws: FormatError.self) { try parse(json) }
        #expect(error?.description.contains("is there twice at byte") == true, "\(error?.description ?? "")")
    }

    @Test("keys are read as Go reads them: escapes resolved, case ignored; unknown ones and names of attributes are what they are")
    func keys() throws {
        let toc = try parse(
            Self.entry(
                ",\"\\u006dode\":5,\"UID\":6,\"lin\u{212a}Name\":\"l\",\"sizes\":8,\"si\u{e9}\":9,\"endOffset\":1,\"endOffset\":2,"
                    + "\"xattrs\":{\"user.A\":\"\",\"user.a\":\"\"}"))
        let entry = try #require(toc.entries.first)
        #expect((entry.size, entry.mode, entry.uid, entry.linkName) == (7, 5, 6, "l"))
        #expect(Set(entry.xattrs.keys) == ["user.A", "user.a"])
    }

    @Test("what ends a text, or must not be in it, is found wherever in a word of eight bytes it is", arguments: 0..<20)
    func texts(length: Int) throws {
        // Neighbours of the bytes that mean something, and bytes with the highest bit.
        let plain = String(String(repeating: "#!][ \u{e9}\u{7f}", count: 4).prefix(length))
        func name(_ text: String) throws -> String? {
            try parse("{\"version\":1,\"entries\":[{\"name\":\"\(text)\",\"type\":\"reg\"}]}").entries.first?.name
        }
        #expect(try name(plain) == plain)
        #expect(try name(plain + "\\\"" + plain) == plain + "\"" + plain)
        #expect(try name(plain + "\\\\") == plain + "\\")
        for control in ["\0", "\u{1f}", "\n"] { #expect(throws: FormatError.self) { try name(plain + control + plain) } }
    }

    @Test("a TOC cut anywhere is refused and never crashes")
    func cut() throws {
        let whole = TOCSerializer.json(TOC(entries: [TOCEntry(name: "a", kind: .directory), TOCEntry(name: "a/b", kind: .fifo)]))
        for length in 0..<whole.count {
            #expect(throws: FormatError.self) { try Array(whole[..<length]).withUnsafeBytes { try TOCParser.parse($0) } }
        }
    }

    @Test("entries beyond the bound are refused, and so is a key repeated to get around it")
    func entries() throws {
        let four = "\"entries\":[" + Array(repeating: "{\"type\":\"dir\"}", count: 4).joined(separator: ",") + "]"
        func parse(_ json: String) throws -> TOC {
            try Array(json.utf8).withUnsafeBytes { try TOCParser.parse($0, maximumEntries: 5) }
        }
        #expect(try parse("{\"version\":1,\(four)}").entries.count == 4)
        #expect(throws: FormatError.self) { try parse("{\"version\":1,\(four),\(four)}") }
    }

    @Test("a time that no calendar has is left out of the JSON", arguments: [Int64.min, .max, -62_167_219_201, 253_402_300_800])
    func farTimes(seconds: Int64) throws {
        var entry = TOCEntry(name: "a", kind: .directory)
        entry.modificationTime = TOCEntry.Time(seconds: seconds)
        let json = TOCSerializer.json(TOC(entries: [entry]))
        #expect(try json.withUnsafeBytes { try TOCParser.parse($0) }.entries[0].modificationTime == nil)
    }

    @Test(
        "times of all centuries survive",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1), ("2000-02-29T12:00:00Z", 951_825_600),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ])
    func times(text: String, seconds: Int) throws {
        let toc = try parse("{\"version\":1,\"entries\":[{\"type\":\"dir\",\"name\":\"d\",\"modtime\":\"\(text)\"}]}")
        #expect(toc.entries[0].modificationTime?.seconds == Int64(seconds))
        #expect(String(decoding: TOCSerializer.json(toc), as: UTF8.self).contains(text))
    }
}
