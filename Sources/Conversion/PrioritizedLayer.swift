internal import Digests
internal import EStargz
internal import HostSystem
internal import Tar

/// The entries of a layer in the order in which they are wanted: a first look at the names decides which come first.
///
/// A wanted file brings what it needs to be there: the directories above it, and for a hard link the file that it is another name of, each
/// before it. Of a name that appears twice only the last entry is kept, as every reader understands it; elsewhere its place would decide.
struct EntryOrder {
    private struct Name {
        var last: Int
        var linkTarget: String?
    }

    private var names: [String: Name] = [:]
    private var inOrder: [String] = []
    private var count = 0

    /// Adds the next entry of the archive.
    mutating func add(_ entry: TarEntry) {
        let name = TOC.cleanName(entry.name)
        if names[name] == nil { inOrder.append(name) }
        names[name] = Name(last: count, linkTarget: entry.kind == .hardlink ? TOC.cleanName(entry.linkName) : nil)
        count += 1
    }

    /// Numbers of the entries that come first, in the order in which they are written.
    func first(_ priorities: Priorities, _ layer: PlannedLayer) -> [Int] {
        let wanted = priorities.choose(
            from: inOrder.filter { !TOC.isInternalName($0) && !$0.isEmpty }, layer: layer.index, manifest: layer.manifest)
        var first: [Int] = []
        var placed: Set<String> = []
        func place(_ name: String) {
            guard let entry = names[name], placed.insert(name).inserted else { return }
            if let slash = name.lastIndex(of: "/") { place(String(name[..<slash])) }
            // A chain of links cannot be a circle: `placed` ends it.
            if let target = entry.linkTarget { place(target) }
            first.append(entry.last)
        }
        for name in wanted { place(name) }
        return first
    }

    /// Whether an entry is the one that counts of its name.
    func isLast(_ number: Int, _ entry: TarEntry) -> Bool { names[TOC.cleanName(entry.name)]?.last == number }
}

/// Entries put aside until their place has come: headers in memory, payloads in a file without a name.
final class EntryStash {
    private let file: TemporaryFile
    private var entries: [Int: (entry: TarEntry, offset: Int64, padding: [UInt8])] = [:]

    init(_ file: TemporaryFile) { self.file = file }

    /// Takes an entry that the reader has just returned.
    func take(_ number: Int, _ entry: TarEntry, _ reader: TarReader) throws {
        let start = file.size
        while try reader.withPayload(atMost: 1 << 20, { try file.append($0) }) != nil {}
        entries[number] = (entry, start, try reader.padding())
    }

    /// An entry that was put aside, and its payload.
    func entry(_ number: Int) -> (entry: TarEntry, payload: StashedPayload)? {
        entries[number].map { ($0.entry, StashedPayload(file, offset: $0.offset, size: $0.entry.size, paddingBytes: $0.padding)) }
    }
}

/// The payload of an entry that was put aside.
final class StashedPayload: TarPayload {
    private let file: TemporaryFile
    private var offset: Int64
    private let end: Int64
    private let paddingBytes: [UInt8]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

    init(_ file: TemporaryFile, offset: Int64, size: Int64, paddingBytes: [UInt8]) {
        self.file = file
        self.offset = offset
        end = offset + size
        self.paddingBytes = paddingBytes
    }

    deinit { buffer.deallocate() }

    func withPayload<Result>(atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result? {
        guard offset < end else { return nil }
        let window = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Int64(min(buffer.count, limit)), end - offset))])
        let count = try file.read(into: window, at: offset)
        guard count > 0 else { throw TarError.truncated(entry: nil, offset: UInt64(offset)) }
        offset += Int64(count)
        return try body(UnsafeRawBufferPointer(rebasing: window[..<count]))
    }

    func padding() -> [UInt8] { paddingBytes }
}
