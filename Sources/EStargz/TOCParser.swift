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
        var runs: [TOCRun] = []
        return try parse(json, &runs, maximumEntries: maximumEntries)
    }

    /// Parses the JSON bytes like `parse(_:)`, with the same result for whatever they are, on two threads.
    public static func parse(sharing json: ArraySlice<UInt8>) async throws(FormatError) -> TOC {
        guard let places = json.withUnsafeBytes({ TOCRun.places(in: $0) }) else {
            return try json.withUnsafeBytes { json in Result { () throws(FormatError) in try parse(json) } }.get()
        }
        async let second = json.withUnsafeBytes { TOCRun($0, from: places.middle) }
        let first = json.withUnsafeBytes { TOCRun($0, from: places.first, until: places.middle) }
        var runs = [first, await second].compactMap(\.self)
        let toc = json.withUnsafeBytes { json in
            Result { () throws(FormatError) in try parse(json, &runs, maximumEntries: maximumEntries) }
        }
        return try toc.get()
    }

    /// - Parameter runs: parts of the list that may have been read already, in their order; taken from here when they are come to.
    private static func parse(
        _ json: UnsafeRawBufferPointer, _ runs: inout [TOCRun], maximumEntries: Int
    ) throws(FormatError) -> TOC {
        guard json.count <= maximumSize else { throw .tooLarge(what: "TOC", size: UInt64(json.count), limit: UInt64(maximumSize)) }
        var toc = TOC(version: 0)
        if runs.isEmpty { toc.entries.reserveCapacity(min(likelyCount(json.count), maximumEntries)) }
        var scanner = JSONScanner(json)
        _ = try members(&scanner) { scanner, field throws(FormatError) in
            switch field {
            case .version: toc.version = Int(try scanner.integer())
            case .entries:
                try scanner.array { scanner throws(FormatError) in
                    _ = try scanner.peek()
                    if takeRun(&runs, into: &toc.entries, atMost: maximumEntries, &scanner) { return }
                    guard toc.entries.count < maximumEntries else { throw scanner.failure("more than \(maximumEntries) entries") }
                    try appendEntry(&scanner, to: &toc.entries)
                }
            default: try scanner.skipValue()
            }
        }
        try scanner.expectEnd()
        guard toc.version == 1 else { throw .json(offset: 0, "version \(toc.version) is not supported") }
        return toc
    }

    /// An entry takes about 250 bytes of JSON; a wrong guess costs a reallocation, never memory beyond the input's size.
    static func likelyCount(_ size: Int) -> Int { min(size / 250, maximumEntries) }

    static func appendEntry(_ scanner: inout JSONScanner, to entries: inout [TOCEntry]) throws(FormatError) {
        // Filled where it stays: an entry is too large to be moved about.
        entries.append(TOCEntry(name: "", kind: .regular))
        try read(&scanner, into: &entries[entries.count - 1])
    }

    /// Goes on behind the run that begins at the scanner's place; false when there is none, or more in it than is accepted.
    private static func takeRun(
        _ runs: inout [TOCRun], into entries: inout [TOCEntry], atMost limit: Int, _ scanner: inout JSONScanner
    ) -> Bool {
        guard let next = runs.firstIndex(where: { $0.start == scanner.position }) else { return false }
        let run = runs.remove(at: next)
        guard run.entries.count <= limit - entries.count else { return false }
        scanner.skip(to: run.end)
        if entries.isEmpty { entries = run.entries } else { entries.append(contentsOf: run.entries) }
        return true
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
