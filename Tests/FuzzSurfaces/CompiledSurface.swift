import EStargz
import TreeImage

/// What a compiled layer promises to everybody who reads it.
enum CompiledSurface {
    static func check(_ toc: TOC, blobSize: UInt64, payloadEnd: UInt64) throws {
        let compiled = try accepted {
            try LayerCompiler.compile(toc: toc, blobSize: blobSize, payloadEnd: payloadEnd, compression: .gzip)
        }
        guard let compiled else { return }
        let erofs = try MemoryFile(compiled.erofs)
        let chunks = try MemoryFile(compiled.chunkMap)
        let opened = try accepted { (try LayerTree(path: erofs.path), try ChunkMap(path: chunks.path)) }
        guard let (tree, map) = opened else { throw BrokenPromise(description: "what was compiled can be opened") }
        try ChunkMapSurface.check(map)
        try walk(tree, map)
    }

    // Every directory is entered once: each has one name, so a second visit is a circle.
    private static func walk(_ tree: LayerTree, _ map: ChunkMap) throws {
        var pending = [tree.root]
        var seen: Set<TreeNode> = [tree.root]
        while let directory = pending.popLast() {
            var names: Set<[UInt8]> = []
            var children: [(node: TreeNode, name: [UInt8])] = []
            try promise(
                tree.forEachEntry(in: directory, from: 0) { name, node, _, _ in
                    children.append((node, Array(name)))
                    return true
                }, "a directory can be listed")
            for (node, name) in children {
                try promise(names.insert(name).inserted, "a name is in its directory once")
                try promise(!name.isEmpty && name.count <= 255 && !name.contains(0) && !name.contains(0x2f), "a name is a name")
                try promise(name.withUnsafeBytes { tree.lookup($0, in: directory) } == node, "what is listed is found")
                guard name != [0x2e], name != [0x2e, 0x2e] else { continue }
                guard let attributes = tree.attributes(of: node) else { throw BrokenPromise(description: "what is listed has attributes") }
                if attributes.mode & 0o170000 == 0o040000 {
                    try promise(seen.insert(node).inserted, "directories form a tree")
                    pending.append(node)
                }
                try check(attributes, of: node, tree, map)
            }
            try promise(names.isSuperset(of: [[0x2e], [0x2e, 0x2e]]), "a directory has its dots")
        }
    }

    private static func check(_ attributes: NodeAttributes, of node: TreeNode, _ tree: LayerTree, _ map: ChunkMap) throws {
        tree.forEachXattr(of: node) { _, _, _ in }
        switch attributes.mode & 0o170000 {
        case 0o100000 where attributes.size > 0:
            let start = attributes.contentOffset
            try promise(attributes.contentDevice == 1, "a layer's files are in its content file")
            try promise(start < map.contentSize && attributes.size <= map.contentSize - start, "a file lies within the content")
            guard let first = map.index(containing: start), let last = map.index(containing: start + attributes.size - 1) else {
                throw BrokenPromise(description: "every byte of a file is in a chunk")
            }
            try promise(map.chunk(first).contentOffset == start, "a file begins with a chunk")
            let end = map.chunk(last).contentOffset + map.chunk(last).size
            try promise(end == start + attributes.size, "a file ends with a chunk")
        case 0o120000: try promise(tree.readLink(node).map { !$0.isEmpty } ?? false, "a symbolic link has a target")
        default: break
        }
    }
}
