/// The 512-byte header block, field by field (POSIX.1-1988 ustar; GNU tar manual, "Basic Tar Format").
///
///     name 0+100, mode 100+8, uid 108+8, gid 116+8, size 124+12, mtime 136+12, chksum 148+8, typeflag 156, linkname 157+100,
///     magic 257+6, version 263+2, uname 265+32, gname 297+32, devmajor 329+8, devminor 337+8, prefix 345+155
struct TarBlock {
    /// Everything in a tar archive is a multiple of this, in bytes.
    static let size = 512

    let bytes: [UInt8]

    /// Whether the block is all zeros; two of them end an archive.
    var isZero: Bool { bytes.allSatisfy { $0 == 0 } }

    var typeFlag: UInt8 { bytes[156] }

    /// The sum of all bytes with the checksum field read as spaces. Old writers added signed bytes; both are accepted.
    var checksumIsRight: Bool {
        guard let stored = TarNumber.parse(bytes[148..<156]) else { return false }
        var (unsigned, signed): (Int64, Int64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            let byte = (148..<156).contains(index) ? 0x20 : byte
            unsigned += Int64(byte)
            signed += Int64(Int8(bitPattern: byte))
        }
        return stored == unsigned || stored == signed
    }

    /// A field up to its first NUL, or all of it.
    func text(_ range: Range<Int>) -> [UInt8] { Array(bytes[range].prefix { $0 != 0 }) }

    func number(_ range: Range<Int>) -> Int64? { TarNumber.parse(bytes[range]) }

    /// `ustar` and a NUL: POSIX, with a prefix field.
    private var isPOSIX: Bool { bytes[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0]) }
    /// `ustar`, two spaces and a NUL: GNU, without one.
    private var isGNU: Bool { bytes[257..<265].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0x20, 0x20, 0]) }
    /// `tar` and a NUL in the last four bytes: Schilling's star, with a shorter prefix field and more times behind it.
    private var isStar: Bool { isPOSIX && bytes[508..<512].elementsEqual([0x74, 0x61, 0x72, 0]) }

    /// Whether the fields from `uname` on mean something; they do not in archives of the seventh edition.
    var hasNames: Bool { isPOSIX || isGNU }

    var name: [UInt8] {
        let name = text(0..<100)
        guard isPOSIX else { return name }
        let prefix = text(345..<(isStar ? 476 : 500))
        return prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
    }
}
