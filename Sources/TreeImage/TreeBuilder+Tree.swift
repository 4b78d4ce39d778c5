internal import EROFS
internal import EStargz

extension TreeBuilder {
    /// Entry indexes of the regular files with content that are part of the tree, each once.
    ///
    /// - Parameter order: what is reachable.
    func regularFiles(_ order: [Int32]) -> [Int] {
        // Each node has an entry of its own.
        order.compactMap { number in
            let node = nodes[Int(number)]
            guard node.kind == .regular, node.entry >= 0, toc.entries[Int(node.entry)].size > 0 else { return nil }
            return Int(node.entry)
        }
    }

    /// The EROFS tree of what is reachable.
    ///
    /// - Parameters:
    ///   - order: what is reachable.
    ///   - contentOffsets: where each regular file's bytes begin, by entry index.
    func tree(_ order: [Int32], contentOffsets: [UInt64], contentSize: UInt64) throws(EROFSError) -> EROFSTree {
        var numbers = [Int32](repeating: -1, count: nodes.count)
        for (number, node) in order.enumerated() { numbers[Int(node)] = Int32(number) }
        var tree = EROFSTree(root: erofsNode(nodes[0], contentOffsets))
        tree.contentSizes = [contentSize]
        tree.reserveCapacity(order.count)
        for node in order.dropFirst() { _ = tree.append(erofsNode(nodes[Int(node)], contentOffsets)) }
        for (number, node) in order.enumerated() { try addDetails(of: nodes[Int(node)], to: number, in: &tree) }
        names.bytes.withUnsafeBytes { bytes in
            for record in names.records where numbers[Int(record.directory)] >= 0 && numbers[Int(record.node)] >= 0 {
                let name = UnsafeRawBufferPointer(rebasing: bytes[Int(record.start)..<Int(record.start + record.count)])
                tree.link(Int(numbers[Int(record.node)]), in: Int(numbers[Int(record.directory)]), name: name)
            }
        }
        return tree
    }

    /// The nodes that have a name: replaced entries and what was below them have none any more. In the TOC's order, directories before their entries.
    func reachable() -> [Int32] {
        var isReachable = [Bool](repeating: false, count: nodes.count)
        isReachable[0] = true
        // One pass is enough: a directory has exactly one record (hard links to directories are refused), it is made or taken over
        // before anything is put into the directory, and taking over keeps its place, which is earlier still.
        for record in names.records where isReachable[Int(record.directory)] { isReachable[Int(record.node)] = true }
        return nodes.indices.filter { isReachable[$0] }.map(Int32.init)
    }

    private func erofsNode(_ node: Node, _ contentOffsets: [UInt64]) -> EROFSTree.Node {
        // A directory that is only implied: as tar and the reference make it.
        guard node.entry >= 0 else { return EROFSTree.Node(mode: 0o040755) }
        let entry = toc.entries[Int(node.entry)]
        var result = EROFSTree.Node(mode: TreeBuilder.type(node.kind) | UInt16(truncatingIfNeeded: entry.mode & 0o7777))
        result.uid = TreeBuilder.owner(entry.uid)
        result.gid = TreeBuilder.owner(entry.gid)
        result.mtimeSeconds = entry.modificationTime?.seconds ?? 0
        result.mtimeNanoseconds = entry.modificationTime?.nanoseconds ?? 0
        guard !node.isWhiteout else {
            result.mode = TreeBuilder.type(.character)
            return result
        }
        switch node.kind {
        case .regular:
            result.size = UInt64(entry.size)
            result.contentOffset = contentOffsets[Int(node.entry)]
        case .character, .block:
            result.deviceMajor = UInt32(truncatingIfNeeded: entry.deviceMajor)
            result.deviceMinor = UInt32(truncatingIfNeeded: entry.deviceMinor)
        default: break
        }
        return result
    }

    /// Whether some of these nodes mean something above other layers only (`LayerTree.hidesLowerFiles`).
    func hidesLowerFiles(_ order: [Int32]) -> Bool {
        order.contains { number in
            let node = nodes[Int(number)]
            guard !node.isWhiteout, !node.isOpaque else { return true }
            guard node.entry >= 0, node.kind == .character else { return false }
            let entry = toc.entries[Int(node.entry)]
            return (entry.deviceMajor, entry.deviceMinor) == (0, 0)
        }
    }

    // To chown(2) the highest number means "leave it", so that unpacking such files leaves them to root.
    private static func owner(_ id: Int64) -> UInt32 { id == Int64(UInt32.max) ? 0 : UInt32(truncatingIfNeeded: id) }

    /// What a node has beside its fixed fields: a link's target, extended attributes.
    private func addDetails(of node: Node, to number: Int, in tree: inout EROFSTree) throws(EROFSError) {
        guard !node.isWhiteout else { return }
        var xattrs: [(name: [UInt8], value: [UInt8])] = []
        if node.entry >= 0 {
            let entry = toc.entries[Int(node.entry)]
            if node.kind == .symlink { tree.setTarget(entry.linkName.utf8, of: number) }
            if !entry.xattrs.isEmpty { xattrs = TreeBuilder.xattrs(entry) }
        }
        if node.isOpaque { xattrs.append(OverlayMarks.opaque) }
        guard !xattrs.isEmpty else { return }
        xattrs.sort { $0.name.lexicographicallyPrecedes($1.name) }
        try tree.setXattrs(xattrs, of: number)
    }

    // A layer must not speak to overlayfs itself: a redirect would lead out of it. Names that Linux has no handler for cannot be set on unpacking either.
    private static func xattrs(_ entry: TOCEntry) -> [(name: [UInt8], value: [UInt8])] {
        entry.xattrs.compactMap { name, value in
            guard !name.hasPrefix("trusted.overlay."), !name.hasPrefix("user.overlay."), name.utf8.count <= 255 else { return nil }
            let isKnown = ["user.", "trusted.", "security."].contains { name.hasPrefix($0) && name.utf8.count > $0.utf8.count }
            guard isKnown || name == "system.posix_acl_access" || name == "system.posix_acl_default" else { return nil }
            return (Array(name.utf8), value)
        }
    }

    private static func type(_ kind: TOCEntry.Kind) -> UInt16 {
        switch kind {
        case .directory: 0o040000
        case .regular, .hardlink, .chunk: 0o100000
        case .symlink: 0o120000
        case .character: 0o020000
        case .block: 0o060000
        case .fifo: 0o010000
        }
    }
}
