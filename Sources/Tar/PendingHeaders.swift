/// The headers read so far of the entry that is about to come: pax records and GNU long names apply to the next plain header.
struct PendingHeaders {
    private let offset: UInt64
    private var bytes: [UInt8] = []
    var records = PaxRecords()
    var longName: ArraySlice<UInt8>?
    var longLinkName: ArraySlice<UInt8>?

    init(offset: UInt64) { self.offset = offset }

    var isEmpty: Bool { bytes.isEmpty }

    mutating func append(_ more: [UInt8]) throws(TarError) {
        guard bytes.count + more.count <= TarReader.headersLimit else {
            throw .headerTooLarge(size: Int64(bytes.count + more.count), limit: TarReader.headersLimit, offset: offset)
        }
        bytes.append(contentsOf: more)
    }

    /// The entry of a plain header block. Order of precedence: GNU long names, pax records, global pax records, the block.
    func entry(_ block: TarBlock, globals: PaxRecords, blockOffset: UInt64) throws(TarError) -> TarEntry {
        let records = records.over(globals)
        let nameBytes = longName.map(Array.init) ?? records.bytes("path") ?? block.name
        let name = String(decoding: nameBytes.prefix(256), as: UTF8.self)
        func number(_ field: String, _ range: Range<Int>, record key: String? = nil) throws(TarError) -> Int64 {
            if let key, let value = try records.number(key, offset: offset) { return value }
            guard let value = block.number(range) else { throw .number(field: field, entry: name, offset: offset) }
            return value
        }
        if records.isSparse { throw .sparse(entry: name, offset: offset) }
        let kind = try kind(block.typeFlag, name: nameBytes)
        // Only regular files have a payload, whatever the size field of other entries says (Go's rule, and GNU's for links).
        let size = kind == .regular ? try number("size", 124..<136, record: "size") : 0
        guard size >= 0, UInt64(size) <= UInt64(Int64.max) - blockOffset - UInt64(2 * TarBlock.size) else {
            throw .size(entry: name, offset: offset)
        }
        let time: TarEntry.Time
        if let precise = try records.time("mtime", offset: offset) {
            time = precise
        } else {
            time = TarEntry.Time(seconds: try number("mtime", 136..<148))
        }
        return TarEntry(
            nameBytes: nameBytes, kind: kind, mode: try number("mode", 100..<108),
            uid: try number("uid", 108..<116, record: "uid"),
            gid: try number("gid", 116..<124, record: "gid"),
            userName: text(records.bytes("uname") ?? (block.hasNames ? block.text(265..<297) : [])),
            groupName: text(records.bytes("gname") ?? (block.hasNames ? block.text(297..<329) : [])),
            size: size,
            modificationTime: time,
            linkNameBytes: longLinkName.map(Array.init) ?? records.bytes("linkpath") ?? block.text(157..<257),
            deviceMajor: kind.isDevice && block.hasNames ? try number("device major", 329..<337) : 0,
            deviceMinor: kind.isDevice && block.hasNames ? try number("device minor", 337..<345) : 0,
            xattrs: records.xattrs, headerBytes: bytes, offset: offset)
    }

    private func kind(_ flag: UInt8, name: [UInt8]) throws(TarError) -> TarEntry.Kind {
        switch flag {
        // Archives older than ustar mark a directory by its slash only.
        case 0: return name.last == UInt8(ascii: "/") ? .directory : .regular
        // '7' asks for contiguous storage, which nobody has.
        case UInt8(ascii: "0"), UInt8(ascii: "7"): return .regular
        case UInt8(ascii: "1"): return .hardlink
        case UInt8(ascii: "2"): return .symlink
        case UInt8(ascii: "3"): return .character
        case UInt8(ascii: "4"): return .block
        case UInt8(ascii: "5"): return .directory
        case UInt8(ascii: "6"): return .fifo
        case UInt8(ascii: "S"): throw .sparse(entry: text(Array(name.prefix(256))), offset: offset)
        default: throw .unsupportedType(flag: flag, entry: text(Array(name.prefix(256))), offset: offset)
        }
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension TarEntry.Kind {
    fileprivate var isDevice: Bool { self == .character || self == .block }
}
