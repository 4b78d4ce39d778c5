public import HostSystem
public import TreeImage

/// The layers of a random chain, compiled, each with its content file: `DIR/<index>/tree.erofs` and `DIR/<index>/content`.
public struct CompiledChain {
    /// Keeps the files.
    public let directory: TemporaryDirectory
    /// The layers' trees, the lowest first.
    public let trees: [LayerTree]

    /// Compiles a chain.
    public init(_ chain: RandomChain) throws {
        directory = try TemporaryDirectory()
        var trees: [LayerTree] = []
        for (index, layer) in chain.layers.enumerated() {
            let place = "\(directory.path)/\(index)"
            try Files.makeDirectories(place)
            let compiled = try LayerCompiler.compile(
                toc: RandomChain.toc(of: layer), blobSize: 1 << 40, payloadEnd: 1 << 40, compression: .gzip)
            try AtomicFile.write(compiled.erofs, to: place + "/tree.erofs")
            let tree = try LayerTree(path: place + "/tree.erofs")
            try AtomicFile.write(CompiledChain.content(of: layer, tree, size: compiled.contentSize), to: place + "/content")
            trees.append(tree)
        }
        self.trees = trees
    }

    /// Path of a layer's tree.
    public func tree(_ layer: Int) -> String { "\(directory.path)/\(layer)/tree.erofs" }

    /// Path of a layer's content file.
    public func content(_ layer: Int) -> String { "\(directory.path)/\(layer)/content" }

    /// Merges some of the layers and writes the image; its path.
    public func merge(_ layers: Range<Int>, keepsWhiteouts: Bool = false) throws -> String {
        let path = "\(directory.path)/merged-\(layers.lowerBound)-\(layers.upperBound)-\(keepsWhiteouts)"
        try AtomicFile.write(TreeMerger.merge(Array(trees[layers]), keepsWhiteouts: keepsWhiteouts).erofs, to: path)
        return path
    }

    private static func content(of layer: [RandomChain.Entry], _ tree: LayerTree, size: UInt64) throws -> [UInt8] {
        var content = [UInt8](repeating: 0, count: Int(size))
        for entry in layer {
            guard case .file(let bytes) = entry.item, !bytes.isEmpty else { continue }
            guard let attributes = tree.node(at: entry.path).flatMap(tree.attributes), attributes.contentOffset < size else {
                throw TestFailure("\(entry.path) has no place in the content file")
            }
            let start = Int(attributes.contentOffset)
            content.replaceSubrange(start..<start + bytes.count, with: bytes)
        }
        return content
    }
}

extension LayerTree {
    /// The node of a path; nil when there is none.
    public func node(at path: String) -> TreeNode? {
        path.split(separator: "/").reduce(root) { parent, name in
            parent.flatMap { parent in Array(name.utf8).withUnsafeBytes { lookup($0, in: parent) } }
        }
    }
}
