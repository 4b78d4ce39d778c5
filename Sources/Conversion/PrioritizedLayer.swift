internal import EStargz
internal import OCI
internal import Tar

/// An entry that is wanted: its place in the archive, and what it takes to keep it in memory.
struct WantedEntry {
    var number: Int
    /// Bytes of its payload and, roughly, of its headers.
    var memory: Int64
}

/// The entries of a layer in the order in which they are wanted: a first look at the names decides which come first.
///
/// A wanted file brings what it needs to be there: the directories above it, and for a hard link the file that it is another name of, each
/// before it. Of a name that appears twice only the last entry is kept, as every reader understands it; elsewhere its place would decide.
struct EntryOrder {
    private struct Name {
        var last: WantedEntry
        var linkTarget: String?
    }

    private var names: [String: Name] = [:]
    private var inOrder: [String] = []
    private var count = 0
    private static let headerMemory: Int64 = 2048

    /// Adds the next entry of the archive.
    mutating func add(_ entry: TarEntry) {
        let name = TOC.cleanName(entry.name)
        if names[name] == nil { inOrder.append(name) }
        // A size near 2^63 may be claimed.
        let wanted = WantedEntry(number: count, memory: min(entry.size, EntryStash.limit) + EntryOrder.headerMemory)
        names[name] = Name(last: wanted, linkTarget: entry.kind == .hardlink ? TOC.cleanName(entry.linkName) : nil)
        count += 1
    }

    /// The entries that come first, in the order in which they are written.
    func first(_ priorities: Priorities, _ layer: PlannedLayer) -> [WantedEntry] {
        let wanted = priorities.choose(
            from: inOrder.filter { !TOC.isInternalName($0) && !$0.isEmpty }, layer: layer.index, manifest: layer.manifest)
        var first: [WantedEntry] = []
        var placed: Set<String> = []
        // A layer of which nothing is wanted stays one.
        guard !wanted.isEmpty else { return [] }
        func place(_ name: String) {
            guard let entry = names[name], placed.insert(name).inserted else { return }
            if let slash = name.lastIndex(of: "/") { place(String(name[..<slash])) }
            // A chain of links cannot be a circle: `placed` ends it.
            if let target = entry.linkTarget { place(target) }
            first.append(entry.last)
        }
        // No record of a program names what is read before it begins.
        for name in ImageConfig.Execution.userFiles + wanted { place(name) }
        return first
    }

    /// Whether an entry is the one that counts of its name.
    func isLast(_ number: Int, _ entry: TarEntry) -> Bool { names[TOC.cleanName(entry.name)]?.last.number == number }
}

/// Entries put aside in memory until their place has come.
struct EntryStash {
    private var entries: [Int: (entry: TarEntry, payload: StashedPayload)] = [:]

    /// Memory that the entries of one stash take together.
    static let limit: Int64 = 32 << 20

    /// Cuts the wanted entries into runs, each of which fits a stash, or is one entry.
    static func runs(of wanted: [WantedEntry], limit: Int64 = limit) -> [ArraySlice<WantedEntry>] {
        var runs: [ArraySlice<WantedEntry>] = []
        var start = 0
        var memory: Int64 = 0
        for (index, entry) in wanted.enumerated() {
            if index > start, entry.memory > limit - memory {
                runs.append(wanted[start..<index])
                (start, memory) = (index, 0)
            }
            memory += entry.memory
        }
        if start < wanted.count { runs.append(wanted[start...]) }
        return runs
    }

    var count: Int { entries.count }

    /// Takes an entry that the reader has just returned.
    mutating func take(_ number: Int, _ entry: TarEntry, _ reader: TarReader) throws {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(entry.size))
        while try reader.withPayload(atMost: 1 << 20, { bytes.append(contentsOf: $0) }) != nil {}
        entries[number] = (entry, StashedPayload(bytes, padding: try reader.padding()))
    }

    /// Gives an entry back that was put aside.
    mutating func remove(_ number: Int) -> (entry: TarEntry, payload: StashedPayload)? { entries.removeValue(forKey: number) }
}

/// The payload of an entry that was put aside.
final class StashedPayload: TarPayload {
    private let bytes: [UInt8]
    private let paddingBytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8], padding: [UInt8]) {
        self.bytes = bytes
        paddingBytes = padding
    }

    func withPayload<Result>(atMost limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result? {
        let end = min(bytes.count, position + limit)
        guard position < end else { return nil }
        defer { position = end }
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[position..<end])) }
    }

    func padding() -> [UInt8] { paddingBytes }
}
