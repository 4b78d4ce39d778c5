internal import EROFS
internal import EStargz

/// Turns the entries of a TOC into a tree: names cleaned, parents found or made, links resolved, whiteouts as overlayfs wants them.
///
/// Later entries win over earlier ones of the same name, hard links whose targets come after them among both. Nothing may leave the tree: `..`, and anything below a name that is no directory, is refused.
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
    /// Hard links whose targets were not there yet. A node of their own keeps their places, so that all that comes after them meets them.
    private var laterLinks: [(record: Int, node: Int32)] = []
    /// Entries that hide paths in lower layers. A directory that has one of these paths in the end is opaque, wherever in the TOC it was.
    private var whiteouts: [Int] = []
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
        for link in laterLinks { try resolve(link) }
        for index in whiteouts {
            var path = try TreeBuilder.components(toc.entries[index].name)
            path.append(path.removeLast().dropFirst(TreeBuilder.whiteoutPrefix.count))
            guard let record = find(path), case let node = Int(names.records[record].node), nodes[node].kind == .directory else { continue }
            nodes[node].isOpaque = true
        }
    }

    /// Lets a later link's name, unless another entry has taken it, lead to the link's target.
    ///
    /// The target may be a later link itself. All names on the way lead to its end afterwards, so each is followed once, however the TOC orders them.
    private mutating func resolve(_ link: (record: Int, node: Int32)) throws(TreeImageError) {
        var passed: [Int] = []
        var node = link.node
        while nodes[Int(node)].kind == .hardlink {
            let entry = toc.entries[Int(nodes[Int(node)].entry)]
            // More names than there are later links: a circle.
            guard passed.count <= laterLinks.count, let record = try target(of: entry) else {
                throw .entry(path: entry.name, "hard link to \"\(entry.linkName)\", which is not in the layer")
            }
            passed.append(record)
            node = names.records[record].node
        }
        for record in passed { names.replace(record, node: node) }
        if names.records[link.record].node == link.node { names.replace(link.record, node: node) }
    }

    /// The record of the name that a hard link names; nil while there is none.
    private func target(of link: TOCEntry) throws(TreeImageError) -> Int? {
        guard let record = find(try TreeBuilder.components(link.linkName)), case let node = nodes[Int(names.records[record].node)],
            node.kind != .directory
        else {
            return nil
        }
        guard !node.isWhiteout else { throw .entry(path: link.name, "hard link to \"\(link.linkName)\", which the layer removes") }
        return record
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
        if path.count == 1 && TOC.isInternalName(String(decoding: name, as: UTF8.self)) || TreeBuilder.isNote(name) { return }
        let parent = try directory(path.dropLast(), of: entry.name)
        if name.starts(with: TreeBuilder.whiteoutPrefix) {
            let hidden = name.dropFirst(TreeBuilder.whiteoutPrefix.count)
            return try whiteout(hidden, parent, index)
        }
        if entry.kind == .hardlink {
            return try addLink(index, name, parent)
        }
        let existing = record(name, parent)
        if let existing, entry.kind == .directory, case let node = Int(names.records[existing].node), nodes[node].kind == .directory {
            nodes[node].entry = Int32(index)
            return
        }
        place(name, parent, try append(Node(entry: Int32(index), kind: entry.kind)))
    }

    private mutating func addLink(_ index: Int, _ name: ArraySlice<UInt8>, _ parent: Int32) throws(TreeImageError) {
        if let target = try target(of: toc.entries[index]), case let node = names.records[target].node, nodes[Int(node)].kind != .hardlink {
            place(name, parent, node)
        } else {
            let node = try append(Node(entry: Int32(index), kind: .hardlink))
            laterLinks.append((place(name, parent, node), node))
        }
    }

    /// Whether a name is one of aufs' own notes in a layer, `.wh..wh.plnk` and its like, or a whiteout of nothing: neither means a file.
    private static func isNote(_ name: ArraySlice<UInt8>) -> Bool {
        guard name.starts(with: whiteoutPrefix), case let hidden = name.dropFirst(whiteoutPrefix.count) else { return false }
        return hidden.isEmpty || hidden.starts(with: whiteoutPrefix) && !hidden.elementsEqual(opaqueSuffix)
    }

    private mutating func append(_ node: Node) throws(TreeImageError) -> Int32 {
        guard nodes.count < maximumNodes else { throw .tree("the layer has more than \(maximumNodes) files") }
        nodes.append(node)
        return Int32(nodes.count - 1)
    }

    private static let whiteoutPrefix = Array(".wh.".utf8)
    private static let opaqueSuffix = Array(".wh..opq".utf8)

    // `.wh..wh..opq` makes its directory opaque; over a whiteout a real entry of the name wins.
    private mutating func whiteout(_ name: ArraySlice<UInt8>, _ parent: Int32, _ index: Int) throws(TreeImageError) {
        guard !name.elementsEqual(TreeBuilder.opaqueSuffix) else {
            nodes[Int(parent)].isOpaque = true
            return
        }
        guard !TreeBuilder.dots.contains(Array(name)) else {
            throw .entry(path: toc.entries[index].name, "a whiteout of \".\" or \"..\"")
        }
        whiteouts.append(index)
        if record(name, parent) == nil { place(name, parent, try append(Node(entry: Int32(index), kind: .character, isWhiteout: true))) }
    }

    private static let dots = [[UInt8(ascii: ".")], [UInt8(ascii: "."), UInt8(ascii: ".")]]

    /// Gives a node a name, and the record of it.
    @discardableResult
    private mutating func place(_ name: ArraySlice<UInt8>, _ parent: Int32, _ node: Int32) -> Int {
        if let existing = record(name, parent) {
            names.replace(existing, node: node)
            lastDirectory = ([], 0)
            return existing
        }
        name.withUnsafeBufferPointer { names.add($0, in: parent, node: node) }
        return names.records.count - 1
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
                    // What this layer puts there is real.
                    nodes[Int(next)] = Node(entry: -1, kind: .directory)
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

    /// The record of a path's last name; nil for the root too.
    private func find(_ path: [ArraySlice<UInt8>]) -> Int? {
        var node: Int32 = 0
        var last: Int?
        for name in path {
            guard let found = record(name, node) else { return nil }
            node = names.records[found].node
            last = found
        }
        return last
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
