/// Makes archives of decisions: a few names that meet each other often, links to all of them and to what is outside.
enum ArchiveMaker {
    /// Names that entries have; no file of the host is called so.
    static let names = ["starling-a", "starling-b", "starling-c", "starling-d"]
    private static let marks = [".wh.starling-a", ".wh.starling-b", ".wh..wh..opq", ".wh..wh.plnk", ".", "..", "stargz.index.json", ""]
    private static let modes: [UInt32] = [0o644, 0o755, 0o7777, 0, 0o4755, 0o700]
    private static let devices: [(UInt32, UInt32)] = [(0, 0), (1, 3), (4095, 1 << 20 - 1), (0, 1)]
    private static let records = [
        "SCHILY.xattr.trusted.overlay.opaque=y", "SCHILY.xattr.trusted.overlay.redirect=/", "SCHILY.xattr.user.a=b",
        "SCHILY.xattr.security.capability=\u{1}", "mtime=1700000000.5", "mtime=-1.25", "size=2", "uid=4294967295",
    ]

    /// An archive.
    ///
    /// - Parameter outside: a directory that links may name.
    static func archive(_ source: inout ByteSource, outside: String) -> [UInt8] {
        var archive: [UInt8] = []
        while !source.isEmpty, archive.count < 64 << 10 {
            let kind = source.pick(Array("00011223456".utf8))
            let name = path(&source)
            let flags = source.byte()
            let link = flags & 1 == 0 ? path(&source) : target(&source, outside)
            if flags & 14 == 14 { archive += extended(source.pick(records)) }
            var block = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, _ offset: Int) { block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8) }
            let size = kind == UInt8(ascii: "0") ? [0, 0, 3, 700][Int(flags >> 4 & 3)] : 0
            let device = source.pick(devices)
            put(String(name.prefix(100)), 0)
            put(octal(source.pick(modes)), 100)
            put(octal(UInt32(flags >> 6) * 500), 108)
            put(octal(0), 116)
            put(octal(UInt32(size)), 124)
            put(octal(1_000_000), 136)
            block[156] = kind
            put(String(link.prefix(100)), 157)
            put("ustar", 257)
            put("00", 263)
            put(octal(device.0), 329)
            put(octal(device.1), 337)
            archive += block + [UInt8](repeating: flags, count: size) + [UInt8](repeating: 0, count: -size & 511)
        }
        return archive.withUnsafeBytes(TarSurface.signed)
    }

    private static func path(_ source: inout ByteSource) -> String {
        (0...source.byte() % 3).map { _ in
            let choice = Int(source.byte())
            return choice < 200 ? names[choice % names.count] : marks[choice % marks.count]
        }.joined(separator: "/")
    }

    private static func target(_ source: inout ByteSource, _ outside: String) -> String {
        let climbing = "../../../../outside"
        return source.pick([
            "/", "..", outside, outside + "/dir", outside + "/file", outside + "/dir/file", climbing, climbing + "/dir", climbing + "/file",
            "/" + names[0], "/" + names[1] + "/" + names[2], "../" + names[0], names[0], names[1], ".", "/proc/self/cwd",
        ])
    }

    private static func extended(_ record: String) -> [UInt8] {
        // The length counts itself: two digits, for no record here is shorter than 10 bytes or longer than 99.
        let line = Array("\(record.utf8.count + 4) \(record)\n".utf8)
        var block = [UInt8](repeating: 0, count: 512)
        block.replaceSubrange(124..<131, with: octal(UInt32(line.count)).utf8)
        block[156] = UInt8(ascii: "x")
        return block + line + [UInt8](repeating: 0, count: -line.count & 511)
    }

    private static func octal(_ value: UInt32) -> String {
        let digits = String(value, radix: 8)
        return String(repeating: "0", count: max(0, 7 - digits.count)) + digits
    }
}
