internal import Glibc

/// Writes a tree as an EROFS image: plan, layout, emit. Same tree, same bytes.
public enum EROFSWriter {
    /// The image's bytes.
    ///
    /// - Throws: `EROFSError.tooLarge` for what the format cannot express.
    public static func image(of tree: EROFSTree) throws(EROFSError) -> [UInt8] {
        let plan = try EROFSPlan(tree)
        let layout = try EROFSLayout(tree, plan)
        return EROFSEmitter(tree: tree, plan: plan, layout: layout).image()
    }
}

/// Why a tree cannot be written, or bytes are not an image.
public enum EROFSError: Error, Equatable, CustomStringConvertible {
    /// Beyond what the format can express.
    case tooLarge(String)
    /// Not an image, or a damaged one.
    case damaged(String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .tooLarge(let what): "EROFS: \(what)"
        case .damaged(let reason): "EROFS image: \(reason)"
        }
    }
}

/// What each inode takes: directory contents in blocks, attributes, inline data.
struct EROFSPlan {
    /// Entry of a directory in its final order.
    struct Dirent {
        var node: UInt32
        var nameStart: UInt32
        var nameCount: UInt16
    }

    /// Names "." and ".." of every directory begin here in `names`.
    private static let dots = Array("..".utf8)

    /// All directories' entries, each directory's in order, "." and ".." among them.
    private(set) var dirents: [Dirent] = []
    /// A directory's range of `dirents`; empty for other nodes.
    private(set) var directory: [Range<Int>]
    /// Size of a directory's data in bytes.
    private(set) var directorySize: [Int]
    /// Bytes of attributes after the inode, header included; 0 for none.
    private(set) var xattrSize: [Int]
    /// The names that dirents refer to: the tree's, and the dots behind them.
    let names: [UInt8]

    init(_ tree: EROFSTree) throws(EROFSError) {
        let count = tree.nodes.count
        names = tree.names + EROFSPlan.dots
        directory = Array(repeating: 0..<0, count: count)
        directorySize = Array(repeating: 0, count: count)
        xattrSize = Array(repeating: 0, count: count)
        dirents.reserveCapacity(tree.entries.count + 2 * count)
        for (index, node) in tree.nodes.enumerated() where !node.xattrs.isEmpty {
            xattrSize[index] = try EROFSPlan.xattrSize(node.xattrs)
        }
        collect(tree)
        for index in 0..<count where !directory[index].isEmpty { directorySize[index] = size(of: directory[index]) }
    }

    /// How many of the dirents from `first` fit into one block.
    func blockEnd(from first: Int, to end: Int) -> Int {
        var used = 0
        var index = first
        while index < end {
            used += EROFSFormat.direntSize + Int(dirents[index].nameCount)
            if used > EROFSFormat.blockSize { break }
            index += 1
        }
        return index
    }

    private func size(of range: Range<Int>) -> Int {
        var first = range.lowerBound
        var size = 0
        while true {
            let end = blockEnd(from: first, to: range.upperBound)
            if end == range.upperBound {
                return size + (first..<end).reduce(0) { $0 + EROFSFormat.direntSize + Int(dirents[$1].nameCount) }
            }
            size += EROFSFormat.blockSize
            first = end
        }
    }

    // Entries sorted by directory and name; the kernel searches names by bytes. Every directory also gets its dots, which sort among the names.
    private mutating func collect(_ tree: EROFSTree) {
        var order = Array(tree.entries.indices)
        var parents = [UInt32](repeating: 0, count: tree.nodes.count)
        names.withUnsafeBufferPointer { names in
            func precedes(_ left: EROFSTree.Entry, _ right: EROFSTree.Entry) -> Bool {
                if left.directory != right.directory { return left.directory < right.directory }
                return EROFSPlan.compare(names, Int(left.nameStart), Int(left.nameCount), Int(right.nameStart), Int(right.nameCount)) < 0
            }
            order.sort { precedes(tree.entries[$0], tree.entries[$1]) }
        }
        for entry in tree.entries where tree.nodes[Int(entry.node)].mode & 0o170000 == 0o040000 {
            parents[Int(entry.node)] = entry.directory
        }
        var next = 0
        for index in tree.nodes.indices where tree.nodes[index].mode & 0o170000 == 0o040000 {
            let start = dirents.count
            var pending = [
                Dirent(node: UInt32(index), nameStart: UInt32(tree.names.count), nameCount: 1),
                Dirent(node: parents[index], nameStart: UInt32(tree.names.count), nameCount: 2),
            ][...]
            while next < order.count, tree.entries[order[next]].directory == UInt32(index) {
                let entry = tree.entries[order[next]]
                let dirent = Dirent(node: entry.node, nameStart: entry.nameStart, nameCount: entry.nameCount)
                while let dot = pending.first, precedes(dot, dirent) {
                    dirents.append(dot)
                    pending.removeFirst()
                }
                dirents.append(dirent)
                next += 1
            }
            dirents.append(contentsOf: pending)
            directory[index] = start..<dirents.count
        }
    }

    private func precedes(_ left: Dirent, _ right: Dirent) -> Bool {
        names.withUnsafeBufferPointer {
            EROFSPlan.compare($0, Int(left.nameStart), Int(left.nameCount), Int(right.nameStart), Int(right.nameCount)) < 0
        }
    }

    private static func compare(_ names: UnsafeBufferPointer<UInt8>, _ a: Int, _ aCount: Int, _ b: Int, _ bCount: Int) -> Int {
        guard let base = names.baseAddress else { return 0 }
        let order = memcmp(base + a, base + b, min(aCount, bCount))
        return order != 0 ? Int(order) : aCount - bCount
    }

    private static func xattrSize(_ xattrs: [(name: [UInt8], value: [UInt8])]) throws(EROFSError) -> Int {
        var size = EROFSFormat.xattrHeaderSize
        for (name, value) in xattrs {
            guard let (_, suffix) = split(name), suffix.count <= 255, value.count <= 65_535 else {
                throw .tooLarge("extended attribute \"\(String(decoding: name.prefix(80), as: UTF8.self))\" cannot be stored")
            }
            size += (EROFSFormat.xattrEntrySize + suffix.count + value.count + 3) & ~3
        }
        // The count of 4-byte units after the header is a 16-bit number.
        guard (size - EROFSFormat.xattrHeaderSize) / 4 < 65_535 else {
            throw .tooLarge("more than 256 KiB of extended attributes on one file")
        }
        return size
    }

    /// The prefix number of an attribute's name and the rest of the name; nil for a prefix that the format does not know.
    static func split(_ name: [UInt8]) -> (index: UInt8, suffix: ArraySlice<UInt8>)? {
        for prefix in EROFSFormat.xattrPrefixes {
            let length = prefix.name.utf8CodeUnitCount
            let matches = prefix.name.withUTF8Buffer { name.starts(with: $0) }
            if matches { return (prefix.index, name.dropFirst(length)) }
        }
        return nil
    }
}
