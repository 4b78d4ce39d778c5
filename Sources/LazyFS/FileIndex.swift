internal import TreeImage

/// Finds the file that a place in a content file belongs to: the tree itself only knows the other way.
struct FileIndex {
    /// A regular file of a tree.
    struct File {
        var node: TreeNode
        /// A directory that has a name of it.
        var directory: TreeNode
    }

    private struct Entry {
        let place: ContentPlace
        let file: File
    }

    private let entries: [Entry]

    /// Files at most; of a larger tree the index knows nothing, rather than take memory without bound.
    private static let mostFiles = 200_000

    /// Walks the tree once: a millisecond for a thousand files or two.
    init(_ tree: LayerTree) {
        var entries: [Entry] = []
        var directories = [tree.root]
        // Directories are visited once: `.` and `..` were, and so was what closes a circle in a damaged tree.
        var visited: Set<TreeNode> = [tree.root]
        while let directory = directories.popLast(), entries.count <= FileIndex.mostFiles {
            _ = tree.forEachEntry(in: directory, from: 0) { _, node, type, _ in
                if type == FileIndex.directoryType, visited.insert(node).inserted { directories.append(node) }
                if type == FileIndex.regularType, let place = ContentPlace(tree, node) {
                    entries.append(Entry(place: place, file: File(node: node, directory: directory)))
                }
                return true
            }
        }
        if entries.count > FileIndex.mostFiles { entries = [] }
        entries.sort { $0.place < $1.place }
        self.entries = entries
    }

    // DT_DIR and DT_REG of dirent.h.
    static let directoryType: UInt8 = 4
    static let regularType: UInt8 = 8

    /// The file whose bytes begin at a place; nil when none does.
    func file(at place: ContentPlace) -> File? {
        let next = entries.partitioningIndex { $0.place >= place }
        return next < entries.count && entries[next].place == place ? entries[next].file : nil
    }

    /// The file whose bytes begin at a place, or before it and nearest to it; nil when none of the layer does.
    func file(atOrBefore place: ContentPlace) -> File? {
        let next = entries.partitioningIndex { $0.place > place }
        return next > 0 && entries[next - 1].place.layer == place.layer ? entries[next - 1].file : nil
    }
}

/// Where the bytes of a file begin: in the content file of which layer, and how far in it.
struct ContentPlace: Hashable, Comparable, Sendable {
    /// Index of the layer in its chain.
    let layer: Int
    let offset: UInt64

    init(layer: Int, offset: UInt64) {
        self.layer = layer
        self.offset = offset
    }

    /// The place of a regular file; nil for what has no bytes.
    init?(_ tree: LayerTree, _ node: TreeNode) {
        guard let file = tree.attributes(of: node), file.contentDevice > 0, file.size > 0 else { return nil }
        self.init(layer: Int(file.contentDevice) - 1, offset: file.contentOffset)
    }

    static func < (left: ContentPlace, right: ContentPlace) -> Bool { (left.layer, left.offset) < (right.layer, right.offset) }
}

extension Array {
    /// The first index whose element belongs to the second part of an array that has two; the count when that is empty.
    func partitioningIndex(where belongsToSecond: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongsToSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
