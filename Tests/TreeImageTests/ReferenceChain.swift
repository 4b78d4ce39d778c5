import TestSupport
import TreeImage

/// What a merged tree must show, found another way: the layers are unpacked one over the other, path by path.
struct ReferenceChain {
    /// Everything about one path.
    struct Facts: Equatable {
        var attributes: NodeAttributes
        var target: [UInt8]
        var xattrs: [String: [UInt8]]
        /// The file that it is a name of: a layer and the file's first path in it.
        var identity: String
    }

    private(set) var files: [String: Facts] = [:]

    init(_ chain: RandomChain, _ compiled: CompiledChain) throws {
        for (index, layer) in chain.layers.enumerated() { try unpack(layer, number: index, compiled.trees[index]) }
        countNames()
    }

    private mutating func unpack(_ layer: [RandomChain.Entry], number: Int, _ tree: LayerTree) throws {
        // First what the layer hides, then what it has.
        for entry in layer {
            switch entry.item {
            case .whiteout: remove(entry.path)
            case .directory(isOpaque: true) where !entry.path.isEmpty: removeContents(of: entry.path)
            default: break
            }
        }
        for entry in layer where entry.item != .whiteout {
            if case .directory = entry.item {
                if let replaced = files[entry.path], replaced.attributes.mode & 0o170000 != 0o040000 { remove(entry.path) }
            } else {
                remove(entry.path)
            }
            // The layer's own tree is tested elsewhere; here it says what the layer has, and where.
            guard let node = tree.node(at: entry.path), var facts = Facts(node, in: tree) else {
                throw TestFailure("layer \(number) has no \(entry.path)")
            }
            facts.xattrs["trusted.overlay.opaque"] = nil
            if facts.attributes.contentDevice != 0 { facts.attributes.contentDevice = UInt16(number + 1) }
            if case .link(let target) = entry.item { facts.identity = target } else { facts.identity = entry.path }
            facts.identity = "layer \(number) /\(facts.identity)"
            files[entry.path] = facts
        }
    }

    private mutating func remove(_ path: String) {
        files[path] = nil
        removeContents(of: path)
    }

    private mutating func removeContents(of path: String) {
        files = files.filter { !$0.key.hasPrefix(path + "/") }
    }

    private mutating func countNames() {
        var names: [String: UInt32] = [:]
        var subdirectories: [String: UInt32] = [:]
        for (path, facts) in files {
            names[facts.identity, default: 0] += 1
            let isDirectory = facts.attributes.mode & 0o170000 == 0o040000
            if isDirectory, !path.isEmpty { subdirectories[path.split(separator: "/").dropLast().joined(separator: "/"), default: 0] += 1 }
        }
        for (path, facts) in files {
            let isDirectory = facts.attributes.mode & 0o170000 == 0o040000
            files[path]?.attributes.linkCount = isDirectory ? 2 + subdirectories[path, default: 0] : names[facts.identity, default: 0]
            // The size of a directory is the image's own affair.
            if isDirectory { files[path]?.attributes.size = 0 }
        }
    }
}

extension ReferenceChain.Facts {
    init?(_ node: TreeNode, in tree: LayerTree) {
        guard let attributes = tree.attributes(of: node) else { return nil }
        self.attributes = attributes
        target = tree.readLink(node).map(Array.init) ?? []
        xattrs = [:]
        identity = ""
        var found: [String: [UInt8]] = [:]
        tree.forEachXattr(of: node) { found[String(decoding: Array($0) + Array($1), as: UTF8.self)] = Array($2) }
        xattrs = found
    }
}

/// A tree walked: facts by path, to be compared with what is expected.
struct WalkedTree {
    private(set) var files: [String: ReferenceChain.Facts] = [:]
    private var nodes: [String: TreeNode] = [:]

    init(_ tree: LayerTree) throws {
        try add(tree.root, "", tree)
    }

    private mutating func add(_ node: TreeNode, _ path: String, _ tree: LayerTree) throws {
        guard var facts = ReferenceChain.Facts(node, in: tree) else { throw TestFailure("\(path) leads nowhere") }
        let isDirectory = facts.attributes.mode & 0o170000 == 0o040000
        if isDirectory { facts.attributes.size = 0 }
        files[path] = facts
        nodes[path] = node
        guard isDirectory else { return }
        var children: [(String, TreeNode)] = []
        _ = tree.forEachEntry(in: node, from: 0) { name, child, _, _ in
            children.append((String(decoding: name, as: UTF8.self), child))
            return true
        }
        for (name, child) in children where name != "." && name != ".." {
            guard files[path.isEmpty ? name : path + "/" + name] == nil else { throw TestFailure("\(path) has \(name) twice") }
            try add(child, path.isEmpty ? name : path + "/" + name, tree)
        }
    }

    /// The differences to what is expected, one line each. Names of one file must be one node, and names of two files two.
    func differences(from expected: [String: ReferenceChain.Facts]) -> [String] {
        var lines: [String] = []
        for path in Set(files.keys).union(expected.keys).sorted() {
            guard let mine = files[path], let theirs = expected[path] else {
                lines.append("\(path): \(files[path] == nil ? "missing" : "should not be there")")
                continue
            }
            var named = mine
            named.identity = theirs.identity
            if named != theirs { lines.append("\(path): \(mine) ≠ \(theirs)") }
        }
        let identities = Dictionary(grouping: expected.keys) { expected[$0]?.identity ?? "" }
        for (identity, paths) in identities where Set(paths.map { nodes[$0] }).count != 1 { lines.append("\(identity) is several nodes") }
        if Set(nodes.values).count != identities.count { lines.append("\(Set(nodes.values).count) nodes for \(identities.count) files") }
        return lines
    }
}
