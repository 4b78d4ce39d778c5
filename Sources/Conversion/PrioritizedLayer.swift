internal import EStargz
internal import OCI
internal import Tar

/// An entry that is wanted: its place in the archive, and what it takes to keep it in memory.
struct WantedEntry {
    var number: Int
    /// Bytes of its payload and, roughly, of its headers.
    var memory: Int64
    /// What of the payload is repeated before the landmark; nil when the entry itself comes first.
    var ranges: FrontRanges?
}

/// The entries of a layer in the order in which they are wanted: a first look at the names decides which come first.
///
/// A wanted file brings what it needs to be there: the directories above it, and for a hard link the file that it is another name of, each
/// before it. Of a name that appears twice only the last entry is kept, as every reader understands it; elsewhere its place would decide.
struct EntryOrder {
    private struct Name {
        var last: WantedEntry
        /// Of a regular file.
        var size: Int64
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
        names[name] = Name(
            last: wanted, size: entry.kind == .regular ? entry.size : 0,
            linkTarget: entry.kind == .hardlink ? TOC.cleanName(entry.linkName) : nil)
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
        for name in ImageConfig.Execution.userFiles { place(name) }
        for choice in wanted {
            if let repeated = repeated(choice), !placed.contains(choice.name) { first.append(repeated) } else { place(choice.name) }
        }
        // Wanted by one name in part, by another as a whole: as a whole.
        let whole = Set(first.filter { $0.ranges == nil }.map(\.number))
        return first.filter { $0.ranges == nil || !whole.contains($0.number) }
    }

    /// A large file of which only a part is wanted.
    private func repeated(_ choice: Priorities.Choice) -> WantedEntry? {
        guard let read = choice.ranges, let file = regularFile(choice.name), let ranges = FrontRanges(read, fileSize: file.size) else {
            return nil
        }
        return WantedEntry(number: file.last.number, memory: ranges.byteCount + EntryOrder.headerMemory, ranges: ranges)
    }

    /// The file that a name of it leads to; nil for what is no regular file.
    private func regularFile(_ name: String) -> Name? {
        var (name, seen) = (name, Set<String>())
        while let entry = names[name], seen.insert(name).inserted {
            guard let target = entry.linkTarget else { return entry.size > 0 ? entry : nil }
            name = target
        }
        return nil
    }

    /// Whether an entry is the one that counts of its name.
    func isLast(_ number: Int, _ entry: TarEntry) -> Bool { names[TOC.cleanName(entry.name)]?.last.number == number }
}

/// Entries put aside in memory until their place has come.
struct EntryStash {
    private var entries: [Int: (entry: TarEntry, bytes: [UInt8], padding: [UInt8])] = [:]

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

    /// Takes an entry that the reader has just returned, or the wanted ranges of its payload.
    mutating func take(_ wanted: WantedEntry, _ entry: TarEntry, _ reader: TarReader) throws {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(wanted.ranges?.byteCount ?? entry.size))
        var position: Int64 = 0
        var ranges = (wanted.ranges?.ranges ?? [0..<entry.size])[...]
        while let range = ranges.first {
            let isWanted = range.contains(position)
            let limit = (isWanted ? range.upperBound : range.lowerBound) - position
            // A piece ends where a range does.
            let taken = try reader.withPayload(atMost: Int(min(1 << 20, max(1, limit)))) { piece in
                if isWanted { bytes.append(contentsOf: piece) }
                return piece.count
            }
            guard let taken else { break }
            position += Int64(taken)
            if position >= range.upperBound { ranges.removeFirst() }
        }
        entries[wanted.number] = (entry, bytes, wanted.ranges == nil ? try reader.padding() : [])
    }

    /// Gives an entry back that was put aside, and the bytes that were wanted of it.
    mutating func remove(_ number: Int) -> (entry: TarEntry, bytes: [UInt8], padding: [UInt8])? { entries.removeValue(forKey: number) }
}
