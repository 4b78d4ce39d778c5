import EStargz
import Tar

/// Archives: what is read can be written again byte for byte, and every entry can be described in a TOC.
enum TarSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        try check(bytes)
        // The same with right checksums: a fuzzer does not find those, and almost nothing gets past a wrong one.
        try TarSurface.signed(bytes).withUnsafeBytes { try check($0) }
    }

    /// An archive with the checksum that each of its blocks would have if it were a header.
    static func signed(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var archive = Array(bytes)
        for block in stride(from: 0, to: archive.count - 511, by: 512) {
            guard archive[block..<block + 512].contains(where: { $0 != 0 }) else { continue }
            let sum = archive[block..<block + 512].enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 0x20 : Int($1.element)) }
            let digits = String(sum, radix: 8)
            let field = String(repeating: "0", count: 6 - digits.count) + digits + "\0 "
            archive.replaceSubrange(block + 148..<block + 156, with: field.utf8)
        }
        return archive
    }

    private static func check(_ bytes: UnsafeRawBufferPointer) throws {
        // Small reads and large ones: headers arrive in pieces.
        for step in [37, 1 << 20] {
            let reader = TarReader(MemoryInput(bytes, step: step))
            var rebuilt: [UInt8] = []
            _ = try accepted {
                while let entry = try reader.next() {
                    try promise(entry.offset == UInt64(rebuilt.count), "an entry's offset is where its headers begin")
                    rebuilt += entry.headerBytes
                    while try reader.withPayload(atMost: 1000, { rebuilt += $0 }) != nil {}
                    rebuilt += try reader.padding()
                    try describe(entry)
                }
            }
            try promise(bytes.starts(with: rebuilt), "an archive written again is the same archive")
        }
    }

    private static func describe(_ tar: TarEntry) throws {
        var entry = TOCEntry(name: tar.name, kind: .regular)
        (entry.size, entry.mode, entry.uid, entry.gid) = (tar.size, tar.mode, tar.uid, tar.gid)
        (entry.linkName, entry.userName, entry.groupName, entry.xattrs) = (tar.linkName, tar.userName, tar.groupName, tar.xattrs)
        let time = tar.modificationTime
        try promise(time.nanoseconds < 1_000_000_000, "nanoseconds are below a second")
        entry.modificationTime = TOCEntry.Time(seconds: time.seconds, nanoseconds: time.nanoseconds)
        let json = TOCSerializer.json(TOC(entries: [entry]))
        let parsed = try accepted { try json.withUnsafeBytes { try TOCParser.parse($0) } }
        guard let back = parsed?.entries.first else { throw BrokenPromise(description: "what is written as a TOC parses as one") }
        try promise(back.name == entry.name && back.linkName == entry.linkName && back.size == entry.size, "a TOC keeps what it is given")
    }
}

/// Bytes in memory as an archive, handed out in steps. Used only while the memory is borrowed.
final class MemoryInput: TarInput {
    private var rest: UnsafeRawBufferPointer
    private let step: Int

    init(_ bytes: UnsafeRawBufferPointer, step: Int) {
        rest = bytes
        self.step = step
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(step, buffer.count, rest.count)
        guard count > 0 else { return 0 }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        return count
    }
}
