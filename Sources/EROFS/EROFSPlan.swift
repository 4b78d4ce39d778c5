internal import Glibc

/// What each inode takes: directory contents in blocks, attributes, number of names.
struct EROFSPlan {
    /// Entry of a directory in its final order.
    struct Dirent {
        var node: UInt32
        var nameStart: UInt32
        var nameCount: UInt16
    }

    /// All directories' entries, each directory's in order, "." and ".." among them.
    private(set) var dirents: [Dirent] = []
    /// A directory's range of `dirents`; empty for other nodes.
    private(set) var directory: [Range<Int>]
    /// Size of a directory's data in bytes.
    private(set) var directorySize: [Int]
    /// Number of names; a directory's are its name, its ".", and each subdirectory's "..".
    private(set) var linkCount: [UInt32]

    init(_ tree: EROFSTree) {
        let count = tree.nodes.count
        directory = Array(repeating: 0..<0, count: count)
        directorySize = Array(repeating: 0, count: count)
        linkCount = tree.nodes.map { $0.isDirectory ? 2 : 0 }
        dirents.reserveCapacity(tree.entries.count + count / 4)
        collect(tree)
        for index in 0..<count where !directory[index].isEmpty { directorySize[index] = size(of: directory[index]) }
    }

    /// Bytes of a node's attributes after the inode, header included; 0 for none.
    static func xattrSize(_ node: EROFSTree.Node) -> Int {
        node.xattrs.isEmpty ? 0 : EROFSFormat.xattrHeaderSize + node.xattrs.count
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

    // The kernel searches names by bytes. Every directory also gets its dots, which sort among the names.
    private mutating func collect(_ tree: EROFSTree) {
        var parents = [UInt32](repeating: 0, count: tree.nodes.count)
        for entry in tree.entries {
            if tree.nodes[Int(entry.node)].isDirectory {
                parents[Int(entry.node)] = entry.directory
                linkCount[Int(entry.directory)] += 1
            } else {
                linkCount[Int(entry.node)] += 1
            }
        }
        let order = EntryOrder(tree)
        tree.names.withUnsafeBufferPointer { names in
            for index in tree.nodes.indices where tree.nodes[index].isDirectory {
                let start = dirents.count
                var dots = Dots(directory: UInt32(index), parent: parents[index])
                for entry in order.entries(of: index).lazy.map({ tree.entries[Int($0)] }) {
                    let dirent = Dirent(node: entry.node, nameStart: entry.nameStart, nameCount: entry.nameCount)
                    while let dot = dots.next, EROFSPlan.precedes(names, dot, dirent) {
                        dirents.append(dot)
                        dots.placed += 1
                    }
                    dirents.append(dirent)
                }
                while let dot = dots.next {
                    dirents.append(dot)
                    dots.placed += 1
                }
                directory[index] = start..<dirents.count
            }
        }
    }

    /// A directory's "." and "..", in this order.
    private struct Dots {
        let directory: UInt32
        let parent: UInt32
        var placed = 0

        var next: Dirent? {
            guard placed < 2 else { return nil }
            return Dirent(node: placed == 0 ? directory : parent, nameStart: 0, nameCount: UInt16(placed + 1))
        }
    }

    private static func precedes(_ names: UnsafeBufferPointer<UInt8>, _ left: Dirent, _ right: Dirent) -> Bool {
        compare(names, Int(left.nameStart), Int(left.nameCount), Int(right.nameStart), Int(right.nameCount)) < 0
    }

    static func compare(_ names: UnsafeBufferPointer<UInt8>, _ a: Int, _ aCount: Int, _ b: Int, _ bCount: Int) -> Int {
        guard let base = names.baseAddress else { return 0 }
        let order = memcmp(base + a, base + b, min(aCount, bCount))
        return order != 0 ? Int(order) : aCount - bCount
    }
}

/// The entries of each directory, sorted by name: distributed to their directories by counting, then each directory sorted that is not yet.
private struct EntryOrder {
    private var order: [UInt32]
    /// Where the entries of each directory begin in `order`, and the end.
    private var starts: [Int]

    init(_ tree: EROFSTree) {
        order = Array(repeating: 0, count: tree.entries.count)
        starts = Array(repeating: 0, count: tree.nodes.count + 1)
        for entry in tree.entries { starts[Int(entry.directory) + 1] += 1 }
        for index in tree.nodes.indices { starts[index + 1] += starts[index] }
        var next = starts
        for (index, entry) in tree.entries.enumerated() {
            order[next[Int(entry.directory)]] = UInt32(index)
            next[Int(entry.directory)] += 1
        }
        tree.names.withUnsafeBufferPointer { names in
            func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
                let (left, right) = (tree.entries[Int(left)], tree.entries[Int(right)])
                return EROFSPlan.compare(names, Int(left.nameStart), Int(left.nameCount), Int(right.nameStart), Int(right.nameCount)) < 0
            }
            for index in tree.nodes.indices where starts[index + 1] - starts[index] > 1 {
                order[starts[index]..<starts[index + 1]].sort(by: precedes)
            }
        }
    }

    func entries(of directory: Int) -> ArraySlice<UInt32> { order[starts[directory]..<starts[directory + 1]] }
}
