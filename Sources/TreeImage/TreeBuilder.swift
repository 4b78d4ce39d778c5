internal import EROFS
internal import EStargz
internal import Glibc

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
    // Entries of one directory follow each other: the last directory is remembered, by its path as it was spelled.
    private var lastDirectory: (path: [UInt8], node: Int32) = ([], 0)

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
            let hidden = try TreeBuilder.withPath(toc.entries[index].name) { path throws(TreeImageError) in
                path.name.flatMap { name in
                    find(EntryPath.Names(path.directory), and: UnsafeRawBufferPointer(rebasing: name[TreeBuilder.whiteoutPrefix.count...]))
                }
            }
            guard let hidden, case let node = Int(names.records[hidden].node), nodes[node].kind == .directory else { continue }
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
        let found = try TreeBuilder.withPath(link.linkName) { path throws(TreeImageError) in
            path.name.flatMap { find(EntryPath.Names(path.directory), and: $0) }
        }
        guard let record = found, case let node = nodes[Int(names.records[record].node)], node.kind != .directory else { return nil }
        guard !node.isWhiteout else { throw .entry(path: link.name, "hard link to \"\(link.linkName)\", which the layer removes") }
        return record
    }

    private mutating func add(_ index: Int) throws(TreeImageError) {
        try EntryCheck.check(toc.entries[index])
        try TreeBuilder.withPath(toc.entries[index].name) { path throws(TreeImageError) in try add(index, path) }
    }

    private mutating func add(_ index: Int, _ path: EntryPath) throws(TreeImageError) {
        let kind = toc.entries[index].kind
        guard let name = path.name else {
            guard kind == .directory else { throw .entry(path: toc.entries[index].name, "the root is not a directory") }
            nodes[0].entry = Int32(index)
            return
        }
        if TreeBuilder.isInternal(name, path) || TreeBuilder.isNote(name) { return }
        let parent = try directory(path.directory, of: index)
        if name.starts(with: TreeBuilder.whiteoutPrefix) {
            let hidden = UnsafeRawBufferPointer(rebasing: name[TreeBuilder.whiteoutPrefix.count...])
            return try whiteout(hidden, parent, index)
        }
        let key = NameTable.Key(name, in: parent)
        if kind == .hardlink { return try addLink(index, key) }
        let existing = names.find(key)
        if let existing, kind == .directory, case let node = Int(names.records[existing].node), nodes[node].kind == .directory {
            nodes[node].entry = Int32(index)
            return
        }
        place(key, over: existing, try append(Node(entry: Int32(index), kind: kind)))
    }

    private mutating func addLink(_ index: Int, _ key: NameTable.Key) throws(TreeImageError) {
        let existing = names.find(key)
        if let target = try target(of: toc.entries[index]), case let node = names.records[target].node, nodes[Int(node)].kind != .hardlink {
            place(key, over: existing, node)
        } else {
            let node = try append(Node(entry: Int32(index), kind: .hardlink))
            laterLinks.append((place(key, over: existing, node), node))
        }
    }

    /// Whether a name is one that belongs to the format. All of these are in the root directory.
    private static func isInternal(_ name: UnsafeRawBufferPointer, _ path: EntryPath) -> Bool {
        path.isInRoot && TOC.isInternalName(String(decoding: name, as: UTF8.self))
    }

    /// Whether a name is one of aufs' own notes in a layer, `.wh..wh.plnk` and its like, or a whiteout of nothing: neither means a file.
    private static func isNote(_ name: UnsafeRawBufferPointer) -> Bool {
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
    private mutating func whiteout(_ name: UnsafeRawBufferPointer, _ parent: Int32, _ index: Int) throws(TreeImageError) {
        guard !name.elementsEqual(TreeBuilder.opaqueSuffix) else {
            nodes[Int(parent)].isOpaque = true
            return
        }
        guard !TreeBuilder.dots.contains(Array(name)) else {
            throw .entry(path: toc.entries[index].name, "a whiteout of \".\" or \"..\"")
        }
        whiteouts.append(index)
        let key = NameTable.Key(name, in: parent)
        if names.find(key) == nil { names.add(key, node: try append(Node(entry: Int32(index), kind: .character, isWhiteout: true))) }
    }

    private static let dots = [[UInt8(ascii: ".")], [UInt8(ascii: "."), UInt8(ascii: ".")]]

    /// Gives a node a name, and the record of it.
    ///
    /// - Parameter existing: the record that the name has.
    @discardableResult
    private mutating func place(_ key: NameTable.Key, over existing: Int?, _ node: Int32) -> Int {
        guard let existing else {
            names.add(key, node: node)
            return names.records.count - 1
        }
        names.replace(existing, node: node)
        lastDirectory = ([], 0)
        return existing
    }

    /// The directory of a path, made where the TOC only implies it.
    private mutating func directory(_ path: UnsafeRawBufferPointer, of entry: Int) throws(TreeImageError) -> Int32 {
        if isLast(path) { return lastDirectory.node }
        var node: Int32 = 0
        for name in EntryPath.Names(path) {
            let key = NameTable.Key(name, in: node)
            if let found = names.find(key) {
                let next = names.records[found].node
                if nodes[Int(next)].isWhiteout {
                    // What this layer puts there is real.
                    nodes[Int(next)] = Node(entry: -1, kind: .directory)
                }
                guard nodes[Int(next)].kind == .directory else {
                    let parent = String(decoding: name, as: UTF8.self)
                    throw .entry(path: toc.entries[entry].name, "its parent \"\(parent)\" is not a directory")
                }
                node = next
            } else {
                let made = try append(Node(entry: -1, kind: .directory))
                names.add(key, node: made)
                node = made
            }
        }
        lastDirectory = (Array(path), node)
        return node
    }

    private func isLast(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count == lastDirectory.path.count else { return false }
        guard let base = path.baseAddress else { return true }
        return memcmp(base, lastDirectory.path, path.count) == 0
    }

    /// The record of a name in a directory that is given by the names that lead to it.
    private func find(_ directories: EntryPath.Names, and name: UnsafeRawBufferPointer) -> Int? {
        var node: Int32 = 0
        for directory in directories {
            guard let found = names.find(NameTable.Key(directory, in: node)) else { return nil }
            node = names.records[found].node
        }
        return names.find(NameTable.Key(name, in: node))
    }

    /// Calls `body` with the parts of a path, which is valid meanwhile.
    private static func withPath<Value>(
        _ text: String, _ body: (EntryPath) throws(TreeImageError) -> Value
    ) throws(TreeImageError) -> Value {
        var bytes = text
        return try bytes.withUTF8 { bytes in
            Result { () throws(TreeImageError) in try body(EntryPath(UnsafeRawBufferPointer(bytes), of: text)) }
        }.get()
    }
}
