import Digests
import EStargz
import TreeImage

/// TOCs as JSON: parsed, written again, compiled, and read back as the file system does.
enum TOCSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        guard let toc = try accepted({ try TOCParser.parse(bytes) }) else { return }
        let json = TOCSerializer.json(toc)
        guard let again = try accepted({ try json.withUnsafeBytes { try TOCParser.parse($0) } }) else {
            throw BrokenPromise(description: "what is written as a TOC parses as one")
        }
        try promise(TOCSerializer.json(again) == json, "a TOC written twice is the same")
        try CompiledSurface.check(toc, blobSize: 1 << 20, payloadEnd: 1 << 20 - 51)
    }
}

/// TOCs without the detour over JSON, which finds far more in the same time: a few names that meet each other often, and numbers at the edges.
enum TreeSurface {
    private static let names = [
        "a", "b", "c", "d", "\u{e9}", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh...", "..", ".", "", ".prefetch.landmark", "stargz.index.json",
    ]
    private static let numbers: [Int64] = [
        0, 1, 4, 5, 10, 100, 200, 4096, 4 << 20, 1 << 32, 1 << 43, 1 << 43 - 1, 1 << 62, .max, .min, -1, .max - 1, 50, 1 << 20, 1 << 12,
    ]

    private static let valueSizes = Array(repeating: 1, count: 250) + [0, 4000, 4096, 65_535, 65_536]

    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        var source = ByteSource(rest: bytes)
        var toc = TOC()
        while !source.isEmpty, toc.entries.count < 4096 {
            var entry = TOCEntry(name: path(&source), kind: source.pick(TOCEntry.Kind.allCases))
            entry.linkName = path(&source)
            let flags = source.byte()
            entry.size = source.pick(numbers)
            entry.offset = source.pick(numbers)
            entry.innerOffset = flags & 1 == 0 ? 0 : source.pick(numbers)
            entry.chunkOffset = flags & 2 == 0 ? 0 : source.pick(numbers)
            entry.chunkSize = flags & 4 == 0 ? 0 : source.pick(numbers)
            if flags & 8 == 0 { entry.chunkDigest = Digest.sha256([flags]) }
            if flags & 16 != 0 { entry.xattrs = ["user.\(source.byte())": [UInt8](repeating: 1, count: source.pick(valueSizes))] }
            if flags & 32 != 0 { (entry.deviceMajor, entry.deviceMinor) = (source.pick(numbers), source.pick(numbers)) }
            if flags & 64 != 0 { entry.modificationTime = TOCEntry.Time(seconds: source.pick(numbers), nanoseconds: 5) }
            toc.entries.append(entry)
        }
        _ = TOCSerializer.json(toc)
        try CompiledSurface.check(toc, blobSize: 1 << 62, payloadEnd: 1 << 62)
    }

    private static func path(_ source: inout ByteSource) -> String {
        (0..<source.byte() % 4).map { _ in source.pick(names) }.joined(separator: "/")
    }
}

/// Takes decisions from bytes; zeros when they are used up.
struct ByteSource {
    var rest: UnsafeRawBufferPointer

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 {
        guard let first = rest.first else { return 0 }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
        return first
    }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[Int(byte()) % choices.count] }
}
