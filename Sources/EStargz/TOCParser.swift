internal import Digests
internal import FoundationEssentials

/// Reads a TOC's JSON (eStargz specification, "TOC").
///
/// Says nothing about whether the entries make sense together: names, parents and chunk tables are judged when the TOC is compiled. But it
/// means the same to every reader or is refused: a key that is twice in an object (Go takes the last, and of `entries` both mixed), or in two
/// spellings that Go takes for one, is an error.
public enum TOCParser {
    /// Largest TOC JSON that is accepted, in bytes: about two million entries. Callers check before they fetch or inflate.
    public static let maximumSize = 512 << 20
    /// Most entries that are accepted: what `maximumSize` holds of ordinary ones. The shortest take 15 bytes of JSON and 300 of memory.
    public static let maximumEntries = 2 << 20

    /// Parses the JSON bytes. Unknown fields are passed over; a field of the wrong type is an error with its byte offset.
    public static func parse(_ json: UnsafeRawBufferPointer, maximumEntries: Int = maximumEntries) throws(FormatError) -> TOC {
        guard json.count <= maximumSize else { throw .tooLarge(what: "TOC", size: UInt64(json.count), limit: UInt64(maximumSize)) }
        var toc = TOC(version: 0)
        // An entry takes about 250 bytes of JSON; a wrong guess costs a reallocation, never memory beyond the input's size.
        toc.entries.reserveCapacity(min(json.count / 250, maximumEntries))
        var scanner = JSONScanner(json)
        _ = try members(&scanner) { scanner, field throws(FormatError) in
            switch field {
            case .version: toc.version = Int(try scanner.integer())
            case .entries:
                try scanner.array { scanner throws(FormatError) in
                    guard toc.entries.count < maximumEntries else { throw scanner.failure("more than \(maximumEntries) entries") }
                    // Filled where it stays: an entry is too large to be moved about.
                    toc.entries.append(TOCEntry(name: "", kind: .regular))
                    try read(&scanner, into: &toc.entries[toc.entries.count - 1])
                }
            default: try scanner.skipValue()
            }
        }
        try scanner.expectEnd()
        guard toc.version == 1 else { throw .json(offset: 0, "version \(toc.version) is not supported") }
        return toc
    }

    /// Walks an object's members; those that are not known are passed over.
    ///
    /// - Returns: which ones it had.
    private static func members(
        _ scanner: inout JSONScanner, _ member: (inout JSONScanner, TOCField) throws(FormatError) -> Void
    ) throws(FormatError) -> TOCFieldSet {
        var seen = TOCFieldSet()
        try scanner.object { scanner, key throws(FormatError) in
            guard let field = TOCField.of(key) else { return try scanner.skipValue() }
            guard seen.insert(field) else {
                throw scanner.failure("the key \"\(String(decoding: key, as: UTF8.self))\" is there twice")
            }
            try member(&scanner, field)
        }
        return seen
    }

    private static func read(_ scanner: inout JSONScanner, into entry: inout TOCEntry) throws(FormatError) {
        let fields = try members(&scanner) { scanner, field throws(FormatError) in try set(field, of: &entry, &scanner) }
        guard fields.contains(.type) else { throw .entry(name: entry.name, "has no type") }
    }

    private static func set(_ field: TOCField, of entry: inout TOCEntry, _ scanner: inout JSONScanner) throws(FormatError) {
        switch field {
        case .type: entry.kind = try kind(&scanner)
        case .name: entry.name = try scanner.string()
        case .linkName: entry.linkName = try scanner.string()
        case .userName: entry.userName = try scanner.string()
        case .groupName: entry.groupName = try scanner.string()
        case .mode: entry.mode = try scanner.integer()
        case .uid: entry.uid = try scanner.integer()
        case .gid: entry.gid = try scanner.integer()
        case .modificationTime: entry.modificationTime = try time(&scanner)
        case .xattrs: entry.xattrs = try xattrs(&scanner)
        case .size: entry.size = try scanner.integer()
        case .offset: entry.offset = try scanner.integer()
        case .innerOffset: entry.innerOffset = try scanner.integer()
        case .digest: entry.digest = try digest(&scanner)
        case .chunkOffset: entry.chunkOffset = try scanner.integer()
        case .chunkSize: entry.chunkSize = try scanner.integer()
        case .chunkDigest: entry.chunkDigest = try digest(&scanner)
        case .deviceMajor: entry.deviceMajor = try scanner.integer()
        case .deviceMinor: entry.deviceMinor = try scanner.integer()
        case .linkCount: entry.linkCount = try scanner.integer()
        case .version, .entries: try scanner.skipValue()
        }
    }

    private static func kind(_ scanner: inout JSONScanner) throws(FormatError) -> TOCEntry.Kind {
        let raw = try scanner.rawString()
        for kind in TOCEntry.Kind.allCases where raw.isSpelled(kind.spelling) { return kind }
        throw scanner.failure("unknown entry type \"\(String(decoding: raw.prefix(40), as: UTF8.self))\"")
    }

    private static func digest(_ scanner: inout JSONScanner) throws(FormatError) -> Digest? {
        let raw = try scanner.rawString()
        if raw.isEmpty { return nil }
        // Two of these in each entry: a third of the parser's time if it went by way of a String.
        if let digest = Digest(utf8: raw) { return digest }
        do {
            return try Digest(parsing: String(decoding: raw.prefix(80), as: UTF8.self))
        } catch {
            throw scanner.failure(error.description)
        }
    }

    private static func time(_ scanner: inout JSONScanner) throws(FormatError) -> TOCEntry.Time? {
        let raw = try scanner.rawString()
        if raw.isEmpty { return nil }
        guard let time = TOCEntry.Time(rfc3339: raw) else { throw scanner.failure("modtime is not an RFC 3339 time") }
        return time
    }

    private static func xattrs(_ scanner: inout JSONScanner) throws(FormatError) -> [String: [UInt8]] {
        var xattrs: [String: [UInt8]] = [:]
        if try scanner.acceptNull() { return xattrs }
        try scanner.object { scanner, key throws(FormatError) in
            let name = String(decoding: key, as: UTF8.self)
            guard let value = Data(base64Encoded: try scanner.string()) else {
                throw scanner.failure("xattr \"\(name.prefix(80))\" is not base64")
            }
            guard xattrs.updateValue([UInt8](value), forKey: name) == nil else {
                throw scanner.failure("xattr \"\(name.prefix(80))\" is there twice")
            }
        }
        return xattrs
    }
}
