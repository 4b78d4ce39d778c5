internal import EStargz
internal import OCI
internal import Tar

/// An entry, or a part of one, that is wanted: its place in the archive, and what it takes to keep it in memory.
struct WantedEntry {
    var number: Int
    /// Bytes of its payload and, roughly, of its headers.
    var memory: Int64
    /// What of the payload is repeated before the landmark, ascending and apart; nil when the entry itself comes first.
    var ranges: [Range<Int64>]?

    init(number: Int, memory: Int64) { (self.number, self.memory) = (number, memory) }

    /// A part of an entry.
    init(number: Int, ranges: [Range<Int64>]) {
        self.init(number: number, memory: ranges.reduce(0) { $0 + Int64($1.count) } + EntryOrder.headerMemory)
        self.ranges = ranges
    }
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
    static let headerMemory: Int64 = 2048

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
        let parts = parts(of: wanted)
        for (choice, part) in zip(wanted, parts) {
            switch part {
            case .whole: place(choice.name)
            case .ranges(let number, let ranges): if !ranges.isEmpty { first.append(WantedEntry(number: number, ranges: ranges)) }
            }
        }
        // Wanted by one name in part, by another as a whole: as a whole.
        let whole = Set(first.filter { $0.ranges == nil }.map(\.number))
        return first.filter { $0.ranges == nil || !whole.contains($0.number) }
    }

    /// What of an entry comes first when its turn has come.
    private enum Part {
        case whole
        /// Of the entry of that number.
        case ranges(Int, [Range<Int64>])
    }

    /// What is written for each choice: parts of large files of which only parts are wanted, each when it is wanted.
    private func parts(of choices: [Priorities.Choice]) -> [Part] {
        var files: [Int: (size: Int64, choices: [Int])] = [:]
        for (index, choice) in choices.enumerated() where choice.ranges != nil {
            guard let file = regularFile(choice.name) else { continue }
            files[file.last.number, default: (file.size, [])].choices.append(index)
        }
        var parts = Array(repeating: Part.whole, count: choices.count)
        for (number, file) in files {
            let reads = file.choices.map { choices[$0].ranges ?? [] }
            guard let ranges = FrontRanges(reads.flatMap { $0 }, fileSize: file.size) else { continue }
            for (choice, ranges) in zip(file.choices, ranges.inOrder(of: reads)) { parts[choice] = .ranges(number, ranges) }
        }
        return parts
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

/// Entries, and parts of some, put aside in memory until their place has come.
struct EntryStash {
    /// A wanted entry, or a part of it, which begins somewhere in the payload.
    private struct Key: Hashable {
        let number: Int
        let start: Int64?

        init(_ wanted: WantedEntry) { (number, start) = (wanted.number, wanted.ranges?.first?.lowerBound) }
    }

    private var entries: [Key: (entry: TarEntry, bytes: [UInt8], padding: [UInt8])] = [:]

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

    /// Takes an entry that the reader has just returned, or the wanted ranges of its payload.
    ///
    /// - Parameter wanted: of this entry: it, or parts of it, of which no two have a byte in common.
    mutating func take(_ wanted: [WantedEntry], _ entry: TarEntry, _ reader: TarReader) throws {
        var bytes = Array(repeating: [UInt8](), count: wanted.count)
        var ranges: [(part: Int, range: Range<Int64>)] = []
        for (part, wanted) in wanted.enumerated() {
            let own = wanted.ranges ?? [0..<entry.size]
            bytes[part].reserveCapacity(own.reduce(0) { $0 + $1.count })
            ranges += own.map { (part, $0) }
        }
        ranges.sort { $0.range.lowerBound < $1.range.lowerBound }
        var position: Int64 = 0
        var left = ranges[...]
        while let (part, range) = left.first {
            let isWanted = range.contains(position)
            let limit = (isWanted ? range.upperBound : range.lowerBound) - position
            // A piece ends where a range does.
            let taken = try reader.withPayload(atMost: Int(min(1 << 20, max(1, limit)))) { piece in
                if isWanted { bytes[part].append(contentsOf: piece) }
                return piece.count
            }
            guard let taken else { break }
            position += Int64(taken)
            if position >= range.upperBound { left.removeFirst() }
        }
        for (wanted, bytes) in zip(wanted, bytes) {
            entries[Key(wanted)] = (entry, bytes, wanted.ranges == nil ? try reader.padding() : [])
        }
    }

    /// Gives back what was put aside: the entry, and the bytes that were wanted of it.
    mutating func remove(_ wanted: WantedEntry) -> (entry: TarEntry, bytes: [UInt8], padding: [UInt8])? {
        entries.removeValue(forKey: Key(wanted))
    }
}
