import Tar
import Testing

@Suite("bad tar input")
struct TarBadInputTests {
    @Test("an archive cut inside a header, an extended header or a payload says where")
    func truncated() throws {
        let archive = extended("x", record("path", "name")) + Header("n", size: 600).block + padded([UInt8](repeating: 1, count: 600))
        for count in stride(from: 1, to: 2136, by: 111) {
            #expect(throws: TarError.self, "\(count) bytes") { try entries(Array(archive[..<count])) }
        }
        #expect(throws: TarError.truncated(entry: "name", offset: 1700)) { try entries(Array(archive[..<1700])) }
        #expect(throws: TarError.truncated(entry: nil, offset: 100)) { try entries(Array(archive[..<100])) }
        #expect(throws: TarError.truncated(entry: nil, offset: 1024)) { try entries(Array(archive[..<1024])) }
        // The payload is whole, its padding is not: the end, as for Go's archive/tar.
        for count in [2136, 2200] { #expect(try entries(Array(archive[..<count])).count == 1) }
    }

    @Test("a wrong checksum is an error with its place")
    func checksum() throws {
        var bad = Header("b")
        bad.checksumOff = 1
        #expect(throws: TarError.checksum(offset: 512)) { try entries(Header("a").block + bad.block + end) }
        #expect(throws: TarError.checksum(offset: 0)) { try entries(Array(repeating: 0x41, count: 2000)) }
        #expect(throws: TarError.checksum(offset: 512)) { try entries([UInt8](repeating: 0, count: 512) + Header("a").block) }
    }

    @Test("numbers that are none are refused", arguments: ["mode", "user", "group", "size", "mtime"])
    func numbers(field: String) throws {
        var header = Header("n")
        switch field {
        case "mode": header.mode = "rw-r--r-"
        case "user": header.uid = Array("12 34\0\0\0".utf8)
        case "group": header.gid = Array("0000999\0".utf8)
        case "size": header.size = Array("-0000000001\0".utf8)
        default: header.mtime = [0x81] + [UInt8](repeating: 0xff, count: 11)
        }
        #expect(throws: TarError.self) { try first(header.block) }
    }

    @Test("negative and endless sizes are refused")
    func sizes() throws {
        for size: [UInt8] in [
            [UInt8](repeating: 0xff, count: 12), [0x80, 0, 0, 0, 0x7f] + [UInt8](repeating: 0xff, count: 7),
        ] {
            var header = Header("n")
            header.size = size
            #expect(throws: TarError.size(entry: "n", offset: 0)) { try first(header.block) }
        }
        #expect(throws: TarError.size(entry: "n", offset: 0)) { try first(extended("x", record("size", "-1")) + Header("n").block) }
        #expect(throws: TarError.size(entry: "n", offset: 0)) {
            try first(extended("x", record("size", "9223372036854775807")) + Header("n").block)
        }
        #expect(throws: TarError.self) { try first(extended("x", record("size", "9223372036854775808")) + Header("n").block) }
    }

    @Test("a size that is only large is the archive's end, not memory")
    func largeSize() throws {
        #expect(throws: TarError.truncated(entry: "n", offset: 2048)) {
            try entries(extended("x", record("size", "4611686018427387904")) + Header("n").block + [UInt8](repeating: 0, count: 512))
        }
    }

    @Test(
        "damaged pax records are refused",
        arguments: [
            "path=x\n", "8 path=x\n", "11 path=x\nxx", "10 path=xxx", "0 path=x\n", "1 \n", "5 =x\n\n", "99999999999999999999999 path=x\n",
            "-5 path=x\n", "12 path=a\0b\n", "4 xx\n", "18 mtime=yesterday\n", "15 uid=0x10\n\n\n\n", "\n",
        ])
    func records(text: String) throws {
        #expect(throws: TarError.self) { try first(extended("x", Array(text.utf8)) + Header().block) }
    }

    @Test("extended headers beyond their bound are refused before they are read", arguments: ["x", "g", "L", "K"] as [Character])
    func tooLarge(type: Character) throws {
        #expect(throws: TarError.headerTooLarge(size: 1 << 20 + 1, limit: 1 << 20, offset: 0)) {
            try first(Header("h", type: type, size: 1 << 20 + 1).block)
        }
        var negative = Header("h", type: type)
        negative.size = [UInt8](repeating: 0xff, count: 12)
        #expect(throws: TarError.self) { try first(negative.block) }
    }

    @Test("endless extended headers in front of one entry are refused")
    func endless() throws {
        let long = extended("L", [UInt8](repeating: 0x61, count: 1 << 20))
        #expect(throws: TarError.self) { try first(long + long + long + long + long + Header().block) }
        #expect(try first(long + long + Header().block).nameBytes.count == 1 << 20)
    }

    @Test("global records that pile up are refused, by number and by size")
    func globals() throws {
        func header(_ keys: Range<Int>, _ value: String = "v") -> [UInt8] {
            extended("g", keys.flatMap { record("SCHILY.xattr.user.k\($0)", value) })
        }
        #expect(try first(header(0..<200) + header(100..<256) + Header().block).xattrs.count == 256)
        #expect(throws: TarError.self) { try first(header(0..<200) + header(200..<257) + Header().block) }
        let large = String(repeating: "v", count: 1 << 19)
        #expect(throws: TarError.self) { try first(header(0..<1, large) + header(1..<2, large) + Header().block) }
    }

    @Test("sparse files are refused by name")
    func sparse() throws {
        #expect(throws: TarError.sparse(entry: "hole", offset: 0)) { try first(Header("hole", type: "S").block) }
        #expect(throws: TarError.sparse(entry: "hole", offset: 0)) {
            try first(extended("x", record("GNU.sparse.major", "1") + record("path", "hole")) + Header("x").block)
        }
    }

    @Test("kinds that layers do not have are refused by name", arguments: ["D", "M", "V", "N", "X", "8", "?"] as [Character])
    func unsupported(flag: Character) throws {
        let value = try #require(flag.asciiValue)
        #expect(throws: TarError.unsupportedType(flag: value, entry: "odd", offset: 0)) { try first(Header("odd", type: flag).block) }
    }

    @Test("the input's own failure comes through")
    func failure() throws {
        let reader = TarReader(Bytes(Header("a", size: 5000).block + [UInt8](repeating: 0, count: 5120), step: 100, failAt: 1000))
        #expect(try reader.next() != nil)
        #expect(throws: Bytes.Failure.self) { try reader.next() }
    }

    @Test("every error is one line")
    func lines() {
        let errors: [TarError] = [
            .truncated(entry: "e", offset: 1), .truncated(entry: nil, offset: 1), .checksum(offset: 0), .checksum(offset: 9),
            .number(field: "mode", entry: "e", offset: 1), .size(entry: "e", offset: 1), .extendedHeader(reason: "r", offset: 1),
            .headerTooLarge(size: 2, limit: 1, offset: 0), .sparse(entry: "e", offset: 1),
            .unsupportedType(flag: 0x0a, entry: "e", offset: 1),
        ]
        for error in errors { #expect(!error.description.contains("\n") && !error.description.isEmpty) }
    }
}

@Suite("writing tar headers")
struct TarWriterTests {
    @Test("a synthesized header reads back")
    func header() throws {
        let entry = try first(TarWriter.header(name: "stargz.index.json", size: 12345) + [UInt8](repeating: 1, count: 12345))
        #expect(entry.name == "stargz.index.json")
        #expect(entry.size == 12345)
        #expect((entry.mode, entry.uid, entry.gid) == (0, 0, 0))
        #expect(entry.modificationTime == TarEntry.Time(seconds: 0))
        #expect(TarWriter.padding(afterSize: 12345).count == entry.paddingSize)
        #expect(TarWriter.padding(afterSize: 1024).isEmpty)
    }
}
