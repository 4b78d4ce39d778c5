internal import EROFS
internal import EStargz

/// Turns the entries of a TOC into a tree: names cleaned, parents found or made, links resolved, whiteouts as overlayfs wants them.
///
/// Later entries win over earlier ones of the same name. Nothing may leave the tree: `..`, and anything below a name that is no directory, is refused.
struct TreeBuilder {
    /// A node of the tree being built.
    struct Node {
        /// Index of the entry that describes it; -1 for a directory that the TOC only implies.
        var entry: Int32
        var kind: TOCEntry.Kind
        var isOpaque = false
        var isWhiteout = false
    }

    /// Longest path that Linux opens, in bytes (PATH_MAX without its zero).
    private static let longestPath = 4095
    /// Longest name in a directory, in bytes (NAME_MAX).
    private static let longestName = 255
    /// Most files of a layer, implied directories among them: twice the entries of the largest TOC. A path of 4 KiB can imply two
    /// thousand directories, each of which takes some hundred bytes until the image is written.
    static let maximumNodes = 2 * TOCParser.maximumEntries

    let toc: TOC
    private(set) var nodes: [Node] = [Node(entry: -1, kind: .directory)]
    private(set) var names: NameTable
    /// Hard links whose targets were not there yet.
    private var laterLinks: [Int] = []
    // Entries of one directory follow each other: the last directory is remembered.
    private var lastDirectory: (path: [ArraySlice<UInt8>], node: Int32) = ([], 0)

    private let maximumNodes: Int

    init(_ toc: TOC, maximumNodes: Int = TreeBuilder.maximumNodes) {
        self.toc = toc
        self.maximumNodes = maximumNodes
        names = NameTable(capacity: toc.entries.count)
        nodes.reserveCapacity(toc.entries.count + 1)
    }

    /// Adds all entries.
    mutating func build() throws(TreeImageError) {
        for index in toc.entries.indices where toc.entries[index].kind != .chunk { try add(index) }
        try addLaterLinks()
    }

    // A link to a link to a link: each is followed to its end once, however the TOC orders them.
    private mutating func addLaterLinks() throws(TreeImageError) {
        var pending: [[UInt8]: Int] = [:]
        for index in laterLinks { pending[try TreeBuilder.clean(toc.entries[index].name)] = index }
        for index in laterLinks {
            var chain = [index]
            while let last = chain.last, try target(of: toc.entries[last]) == nil {
                // Taken out, so that a circle ends: nothing leads on from its last link.
                guard let next = pending.removeValue(forKey: try TreeBuilder.clean(toc.entries[last].linkName)) else {
                    let entry = toc.entries[last]
                    throw .entry(path: entry.name, "hard link to \"\(entry.linkName)\", which is not in the layer")
                }
                chain.append(next)
            }
            for link in chain.reversed() { try add(link) }
        }
    }

    /// The node that a hard link is another name of; nil while there is none.
    private func target(of link: TOCEntry) throws(TreeImageError) -> Int32? {
        guard let node = try find(link.linkName), nodes[Int(node)].kind != .directory, !nodes[Int(node)].isWhiteout else { return nil }
        return node
    }

    private mutating func add(_ index: Int) throws(TreeImageError) {
        let entry = toc.entries[index]
        try EntryCheck.check(entry)
        let path = try TreeBuilder.components(entry.name)
        guard let name = path.last else {
            guard entry.kind == .directory else { throw .entry(path: entry.name, "the root is not a directory") }
            nodes[0].entry = Int32(index)
            return
        }
        if path.count == 1, TOC.isInternalName(String(decoding: name, as: UTF8.self)) { return }
        let parent = try directory(path.dropLast(), of: entry.name)
        if name.starts(with: TreeBuilder.whiteoutPrefix) {
            return try whiteout(name.dropFirst(TreeBuilder.whiteoutPrefix.count), parent, index)
        }
        if entry.kind == .hardlink {
            guard let target = try target(of: entry) else {
                laterLinks.append(index)
                return
            }
            return place(name, parent, target)
        }
        let existing = record(name, parent)
        if let existing, entry.kind == .directory, case let node = Int(names.records[existing].node), nodes[node].kind == .directory {
            nodes[node].entry = Int32(index)
            return
        }
        place(name, parent, try append(Node(entry: Int32(index), kind: entry.kind)))
    }

    private mutating func append(_ node: Node) throws(TreeImageError) -> Int32 {
        guard nodes.count < maximumNodes else { throw .tree("the layer has more than \(maximumNodes) files") }
        nodes.append(node)
        return Int32(nodes.count - 1)
    }

    private static let whiteoutPrefix = Array(".wh.".utf8)
    private static let opaqueSuffix = Array(".wh..opq".utf8)

    // `.wh..wh..opq` makes its directory opaque; other names of that kind are bookkeeping of aufs; a real entry of the same name wins.
    private mutating func whiteout(_ name: ArraySlice<UInt8>, _ parent: Int32, _ index: Int) throws(TreeImageError) {
        if name.elementsEqual(TreeBuilder.opaqueSuffix) {
            nodes[Int(parent)].isOpaque = true
        } else if !name.starts(with: TreeBuilder.whiteoutPrefix), !name.isEmpty, record(name, parent) == nil {
            guard !TreeBuilder.dots.contains(Array(name)) else {
                throw .entry(path: toc.entries[index].name, "a whiteout of \".\" or \"..\"")
            }
            place(name, parent, try append(Node(entry: Int32(index), kind: .character, isWhiteout: true)))
        }
    }

    private static let dots = [[UInt8(ascii: ".")], [UInt8(ascii: "."), UInt8(ascii: ".")]]

    private mutating func place(_ name: ArraySlice<UInt8>, _ parent: Int32, _ node: Int32) {
        if let existing = record(name, parent) {
            names.replace(existing, node: node)
            lastDirectory = ([], 0)
        } else {
            name.withUnsafeBufferPointer { names.add($0, in: parent, node: node) }
        }
    }

    private func record(_ name: ArraySlice<UInt8>, _ parent: Int32) -> Int? {
        name.withUnsafeBufferPointer { names.find($0, in: parent) }
    }

    /// The directory of a path, made where the TOC only implies it.
    private mutating func directory(_ path: ArraySlice<ArraySlice<UInt8>>, of entry: String) throws(TreeImageError) -> Int32 {
        if path.elementsEqual(lastDirectory.path, by: { $0.elementsEqual($1) }) { return lastDirectory.node }
        var node: Int32 = 0
        for name in path {
            if let found = record(name, node) {
                let next = names.records[found].node
                if nodes[Int(next)].isWhiteout {
                    // The whiteout hides what lies below; what this layer puts there is real.
                    nodes[Int(next)] = Node(entry: -1, kind: .directory, isOpaque: true)
                }
                guard nodes[Int(next)].kind == .directory else {
                    throw .entry(path: entry, "its parent \"\(String(decoding: name, as: UTF8.self))\" is not a directory")
                }
                node = next
            } else {
                let made = try append(Node(entry: -1, kind: .directory))
                name.withUnsafeBufferPointer { names.add($0, in: node, node: made) }
                node = made
            }
        }
        lastDirectory = (Array(path), node)
        return node
    }

    private func find(_ path: String) throws(TreeImageError) -> Int32? {
        var node: Int32 = 0
        for name in try TreeBuilder.components(path) {
            guard let found = record(name, node) else { return nil }
            node = names.records[found].node
        }
        return node
    }

    /// A path in its one spelling.
    private static func clean(_ path: String) throws(TreeImageError) -> [UInt8] {
        Array(try components(path).joined(separator: [UInt8(ascii: "/")]))
    }

    /// The names of a path, without empty ones and `.`; leading and trailing slashes mean nothing.
    private static func components(_ path: String) throws(TreeImageError) -> [ArraySlice<UInt8>] {
        let bytes = Array(path.utf8)
        guard bytes.count <= longestPath else { throw .entry(path: path, "the path is longer than \(longestPath) bytes") }
        guard !bytes.contains(0) else { throw .entry(path: path, "the path has a zero byte") }
        var names: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let name = rest.prefix { $0 != UInt8(ascii: "/") }
            rest = rest[name.endIndex...].dropFirst()
            if name.isEmpty { continue }
            let isDots = name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
            if isDots, name.count == 1 { continue }
            guard !isDots else {
                throw .entry(path: path, "the path leads out of its directory (\"..\")")
            }
            guard name.count <= longestName else { throw .entry(path: path, "a name is longer than \(longestName) bytes") }
            names.append(name)
        }
        return names
    }
}
