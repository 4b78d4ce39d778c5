internal import Digests
internal import FoundationEssentials

/// Writes a TOC's JSON: no white space, fields in the specification's order, zero values left out, xattrs sorted by name.
/// Same TOC, same bytes.
public struct TOCSerializer {
    private var output: [UInt8]
    /// Entries so far.
    private(set) var count = 0

    /// The JSON bytes of a table.
    public static func json(_ toc: TOC) -> [UInt8] {
        var serializer = TOCSerializer(version: toc.version)
        for entry in toc.entries { serializer.append(entry) }
        return serializer.finish()
    }

    /// Begins a table; entries are turned into bytes as they come, which take a third of the memory.
    init(version: Int = 1) {
        output = Array("{\"version\":\(version),\"entries\":[".utf8)
    }

    mutating func append(_ entry: TOCEntry) {
        if count > 0 { output.append(UInt8(ascii: ",")) }
        count += 1
        TOCSerializer.append(entry, to: &output)
    }

    /// The JSON bytes, handed over; nothing may follow.
    mutating func finish() -> [UInt8] {
        output.append(contentsOf: Array("]}".utf8))
        defer { output = [] }
        return output
    }

    private static func append(_ entry: TOCEntry, to output: inout [UInt8]) {
        output.append(contentsOf: Array("{\"name\":".utf8))
        JSONEscapes.append(quoted: entry.name, to: &output)
        text("type", entry.kind.name, &output)
        number("size", entry.size, &output)
        text("modtime", entry.modificationTime?.rfc3339 ?? "", &output)
        text("linkName", entry.linkName, &output)
        number("mode", entry.mode, &output)
        number("uid", entry.uid, &output)
        number("gid", entry.gid, &output)
        text("userName", entry.userName, &output)
        text("groupName", entry.groupName, &output)
        number("offset", entry.offset, &output)
        number("innerOffset", entry.innerOffset, &output)
        number("devMajor", entry.deviceMajor, &output)
        number("devMinor", entry.deviceMinor, &output)
        number("NumLink", entry.linkCount, &output)
        xattrs(entry.xattrs, &output)
        text("digest", entry.digest?.description ?? "", &output)
        number("chunkOffset", entry.chunkOffset, &output)
        number("chunkSize", entry.chunkSize, &output)
        text("chunkDigest", entry.chunkDigest?.description ?? "", &output)
        output.append(UInt8(ascii: "}"))
    }

    private static func key(_ name: StaticString, _ output: inout [UInt8]) {
        output.append(UInt8(ascii: ","))
        output.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { output.append(contentsOf: $0) }
        output.append(UInt8(ascii: "\""))
        output.append(UInt8(ascii: ":"))
    }

    private static func text(_ name: StaticString, _ value: String, _ output: inout [UInt8]) {
        guard !value.isEmpty else { return }
        key(name, &output)
        JSONEscapes.append(quoted: value, to: &output)
    }

    private static func number(_ name: StaticString, _ value: Int64, _ output: inout [UInt8]) {
        guard value != 0 else { return }
        key(name, &output)
        output.append(contentsOf: Array(String(value).utf8))
    }

    private static func xattrs(_ xattrs: [String: [UInt8]], _ output: inout [UInt8]) {
        guard !xattrs.isEmpty else { return }
        key("xattrs", &output)
        var separator = UInt8(ascii: "{")
        for (name, value) in xattrs.sorted(by: { $0.key < $1.key }) {
            output.append(separator)
            separator = UInt8(ascii: ",")
            JSONEscapes.append(quoted: name, to: &output)
            output.append(UInt8(ascii: ":"))
            JSONEscapes.append(quoted: Data(value).base64EncodedString(), to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }
}
