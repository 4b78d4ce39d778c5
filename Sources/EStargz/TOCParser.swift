internal import Digests
internal import FoundationEssentials
internal import Glibc

/// Reads a TOC's JSON (eStargz specification, "TOC").
///
/// Says nothing about whether the entries make sense together: names, parents and chunk tables are judged when the TOC is compiled.
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
        try scanner.object { scanner, key throws(FormatError) in
            if key.equals("version") {
                toc.version = Int(try scanner.integer())
            } else if key.equals("entries") {
                try scanner.array { scanner throws(FormatError) in
                    guard toc.entries.count < maximumEntries else { throw scanner.failure("more than \(maximumEntries) entries") }
                    toc.entries.append(try entry(&scanner))
                }
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.expectEnd()
        guard toc.version == 1 else { throw .json(offset: 0, "version \(toc.version) is not supported") }
        return toc
    }

    private static func entry(_ scanner: inout JSONScanner) throws(FormatError) -> TOCEntry {
        var entry = TOCEntry(name: "", kind: .regular)
        var hasKind = false
        try scanner.object { scanner, key throws(FormatError) in
            if key.equals("type") {
                entry.kind = try kind(&scanner)
                hasKind = true
            } else if try !number(key, &scanner, &entry) {
                try other(key, &scanner, &entry)
            }
        }
        guard hasKind else { throw .entry(name: entry.name, "has no type") }
        return entry
    }

    private static func kind(_ scanner: inout JSONScanner) throws(FormatError) -> TOCEntry.Kind {
        let raw = try scanner.rawString()
        for kind in TOCEntry.Kind.allCases where raw.elementsEqual(kind.name.utf8) { return kind }
        throw scanner.failure("unknown entry type \"\(String(decoding: raw.prefix(40), as: UTF8.self))\"")
    }

    /// Fields that are whole numbers; false when the key is none of them.
    private static func number(
        _ key: UnsafeRawBufferPointer, _ scanner: inout JSONScanner, _ entry: inout TOCEntry
    ) throws(FormatError) -> Bool {
        if key.equals("size") {
            entry.size = try scanner.integer()
        } else if key.equals("mode") {
            entry.mode = try scanner.integer()
        } else if key.equals("uid") {
            entry.uid = try scanner.integer()
        } else if key.equals("gid") {
            entry.gid = try scanner.integer()
        } else if key.equals("offset") {
            entry.offset = try scanner.integer()
        } else if key.equals("innerOffset") {
            entry.innerOffset = try scanner.integer()
        } else if key.equals("chunkOffset") {
            entry.chunkOffset = try scanner.integer()
        } else if key.equals("chunkSize") {
            entry.chunkSize = try scanner.integer()
        } else if key.equals("devMajor") {
            entry.deviceMajor = try scanner.integer()
        } else if key.equals("devMinor") {
            entry.deviceMinor = try scanner.integer()
        } else if key.equals("NumLink") {
            entry.linkCount = try scanner.integer()
        } else {
            return false
        }
        return true
    }

    private static func other(
        _ key: UnsafeRawBufferPointer, _ scanner: inout JSONScanner, _ entry: inout TOCEntry
    ) throws(FormatError) {
        if key.equals("name") {
            entry.name = try scanner.string()
        } else if key.equals("linkName") {
            entry.linkName = try scanner.string()
        } else if key.equals("userName") {
            entry.userName = try scanner.string()
        } else if key.equals("groupName") {
            entry.groupName = try scanner.string()
        } else if key.equals("digest") {
            entry.digest = try digest(&scanner)
        } else if key.equals("chunkDigest") {
            entry.chunkDigest = try digest(&scanner)
        } else if key.equals("modtime") {
            entry.modificationTime = try time(&scanner)
        } else if key.equals("xattrs") {
            entry.xattrs = try xattrs(&scanner)
        } else {
            try scanner.skipValue()
        }
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
            guard let name = JSONEscapes.resolve(key) else { throw scanner.failure("invalid escape in a text") }
            guard let value = Data(base64Encoded: try scanner.string()) else {
                throw scanner.failure("xattr \"\(name.prefix(80))\" is not base64")
            }
            xattrs[name] = [UInt8](value)
        }
        return xattrs
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func equals(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount, let base = baseAddress else { return false }
        return memcmp(base, word.utf8Start, count) == 0
    }
}
