import Tar
import Testing

@Suite("reading tar entries")
struct TarReaderTests {
    @Test("a ustar header gives every field")
    func ustar() throws {
        var header = Header("name", size: 3)
        header.prefix = "some/dir"
        header.userName = "daemon"
        header.groupName = "adm"
        let entry = try first(header.block + padded([1, 2, 3]))
        #expect(entry.name == "some/dir/name")
        #expect(entry.kind == .regular)
        #expect(entry.mode == 0o644)
        #expect(entry.uid == 1000)
        #expect(entry.gid == 100)
        #expect(entry.userName == "daemon")
        #expect(entry.groupName == "adm")
        #expect(entry.size == 3)
        #expect(entry.modificationTime == TarEntry.Time(seconds: 0o14524725060))
        #expect(entry.headerBytes == header.block)
        #expect(entry.paddingSize == 509)
        #expect(entry.xattrs.isEmpty)
    }

    @Test(
        "type flags are kinds",
        arguments: [
            ("0", TarEntry.Kind.regular), ("\0", .regular), ("7", .regular), ("1", .hardlink), ("2", .symlink), ("3", .character),
            ("4", .block), ("5", .directory), ("6", .fifo),
        ] as [(Character, TarEntry.Kind)])
    func kinds(flag: Character, kind: TarEntry.Kind) throws {
        var header = Header("n", type: flag)
        header.linkName = "target"
        header.major = "0000010\0"
        header.minor = "0000007\0"
        let entry = try first(header.block)
        #expect(entry.kind == kind)
        #expect(entry.linkName == "target")
        let isDevice = kind == .character || kind == .block
        #expect(entry.deviceMajor == (isDevice ? 8 : 0))
        #expect(entry.deviceMinor == (isDevice ? 7 : 0))
    }

    @Test("a v7 archive has no names, and its slash makes a directory")
    func v7() throws {
        var header = Header("dir/", type: "\0")
        header.magic = []
        header.userName = "junk"
        header.prefix = "junk"
        let entry = try first(header.block)
        #expect(entry.kind == .directory)
        #expect(entry.name == "dir/")
        #expect(entry.userName.isEmpty)
    }

    @Test("only regular files have a payload, whatever a size field says", arguments: ["1", "2", "3", "5", "6"] as [Character])
    func headerOnly(flag: Character) throws {
        let found = try entries(Header("a", type: flag, size: 4096).block + Header("b").block + end)
        #expect(found.map(\.name) == ["a", "b"])
        #expect(found[0].size == 0)
    }

    @Test("GNU archives: no prefix, long names, base-256 numbers")
    func gnu() throws {
        let name = String(repeating: "n", count: 300)
        var header = Header("short", type: "2")
        header.magic = Array("ustar  \u{0}".utf8)
        header.prefix = "14524725060"
        header.uid = [0x80, 0, 0, 0, 0x80, 0, 0, 1]
        header.mtime = [UInt8](repeating: 0xff, count: 11) + [0xfe]
        let archive = extended("L", Array(name.utf8) + [0]) + extended("K", Array("to/\(name)".utf8) + [0]) + header.block
        let entry = try first(archive)
        #expect(entry.name == name)
        #expect(entry.linkName == "to/\(name)")
        #expect(entry.uid == 0x8000_0001)
        #expect(entry.modificationTime.seconds == -2)
        #expect(entry.headerBytes == archive)
        #expect(try first(header.block).name == "short")
    }

    @Test("pax records override the header")
    func pax() throws {
        let records =
            record("path", "päth") + record("linkpath", "länk") + record("uid", "4294967296") + record("gid", "7")
            + record("uname", "ü") + record("gname", "g") + record("mtime", "1700000003.123456789123") + record("atime", "1")
            + record("SCHILY.xattr.user.note", [0, 1, 0x3d, 0x0a, 0xff]) + record("LIBARCHIVE.xattr.user.other", "aGk=")
        let entry = try first(extended("x", records) + Header("short", type: "2").block)
        #expect(entry.name == "päth")
        #expect(entry.linkName == "länk")
        #expect((entry.uid, entry.gid) == (1 << 32, 7))
        #expect((entry.userName, entry.groupName) == ("ü", "g"))
        #expect(entry.modificationTime == TarEntry.Time(seconds: 1_700_000_003, nanoseconds: 123_456_789))
        #expect(entry.xattrs == ["user.note": [0, 1, 0x3d, 0x0a, 0xff]])
    }

    @Test("a pax size is the payload's")
    func paxSize() throws {
        let archive = extended("x", record("size", "5")) + Header("a").block + padded([1, 2, 3, 4, 5]) + Header("b").block + end
        #expect(try entries(archive).map(\.size) == [5, 0])
    }

    @Test("global records hold for all that follow until they are replaced, and an entry's own win")
    func global() throws {
        let archive =
            extended("g", record("uname", "all") + record("gname", "group")) + Header("a").block
            + extended("x", record("uname", "own")) + Header("b").block
            + extended("g", record("uname", "")) + Header("c").block + end
        let found = try entries(archive)
        #expect(found.map(\.userName) == ["all", "own", ""])
        #expect(found.map(\.groupName) == ["group", "group", "group"])
    }

    @Test(
        "times before 1970 count their nanoseconds forward",
        arguments: [
            ("-1.25", -2, 750_000_000), ("-0.5", -1, 500_000_000), ("-3", -3, 0), ("0.5", 0, 500_000_000), ("7.", 7, 0),
        ] as [(String, Int64, UInt32)])
    func times(text: String, seconds: Int64, nanoseconds: UInt32) throws {
        let entry = try first(extended("x", record("mtime", text)) + Header().block)
        #expect(entry.modificationTime == TarEntry.Time(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test("names that are not UTF-8 keep their bytes")
    func bytes() throws {
        var header = Header()
        header.name = [0x66, 0xff, 0x66]
        let entry = try first(header.block)
        #expect(entry.nameBytes == [0x66, 0xff, 0x66])
        #expect(entry.name == "f\u{FFFD}f")
    }

    @Test("a signed checksum is accepted")
    func signedSum() throws {
        var header = Header()
        header.name = [0xc3, 0xa4]
        header.usesSignedSum = true
        #expect(try first(header.block).name == "ä")
    }

    @Test("what was read can be put together again, byte for byte", arguments: [1, 511, 513, 1 << 20])
    func rebuild(step: Int) throws {
        let payload = (0..<3000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        var archive = extended("g", record("comment", "x")) + extended("x", record("path", "long")) + Header("a", size: 3000).block
        // Padding that is not zero is kept too.
        archive += payload + [UInt8](repeating: 0x5a, count: -payload.count & 511)
        archive += extended("L", Array("name\0".utf8)) + Header("b", type: "5").block + Header("c", size: 512).block + payload[..<512]
        #expect(try rebuilt(archive + end, step: step) == archive)
    }

    @Test("payloads are read in pieces or passed over")
    func payload() throws {
        let reader = TarReader(Bytes(Header("a", size: 700).block + padded([UInt8](repeating: 1, count: 700)) + Header("b").block + end))
        #expect(try reader.next()?.name == "a")
        var buffer = [UInt8](repeating: 0, count: 512)
        #expect(try buffer.withUnsafeMutableBytes { try reader.readPayload(into: $0) } == 512)
        #expect(buffer.allSatisfy { $0 == 1 })
        #expect(try reader.next()?.name == "b")
        #expect(try buffer.withUnsafeMutableBytes { try reader.readPayload(into: $0) } == 0)
        #expect(try reader.next() == nil)
        #expect(try reader.next() == nil)
    }

    @Test("an archive ends at two zero blocks, at one, or where the input ends", arguments: [0, 512, 1024, 10240])
    func ends(zeros: Int) throws {
        #expect(try entries(Header("a").block + [UInt8](repeating: 0, count: zeros)).count == 1)
        #expect(try entries([UInt8](repeating: 0, count: zeros)).isEmpty)
    }

    @Test("what follows the end is not looked at")
    func afterEnd() throws {
        #expect(try entries(Header("a").block + end + Array("garbage".utf8)).count == 1)
    }
}
