public import TreeImage

// Inspection: looking into images without mounting or keeping anything.
//
//   ImageReport   what each layer is (inspect)             LayerVerifier   every digest of the chain, one download (verify)
//   LazyImage     names and contents by ranges (ls, cat)   TreeComparison  two images' archives entry by entry (check)
//
// The room prints nothing and writes no files but temporary ones.

/// The layers of an image as one tree, by overlayfs' rules: a name is looked for from the top layer down, whiteouts and opaque directories end
/// the search, directories of one name are one directory.
public struct MergedTree: Sendable {
    private let layers: [LayerTree]

    /// - Parameter layers: lowest first.
    public init(_ layers: [LayerTree]) { self.layers = layers }

    /// A file of the tree.
    public struct File: Sendable {
        /// Attributes, those of the topmost layer that has it.
        public let attributes: NodeAttributes
        /// The layer that has it, lowest 0.
        public let layer: Int
        /// Its node there.
        public let node: TreeNode
        /// For a directory: its nodes in all layers that take part, topmost first.
        let parts: [(layer: Int, node: TreeNode)]

        /// Whether it is a directory.
        public var isDirectory: Bool { attributes.mode & 0o170000 == 0o040000 }
        /// Whether it is a regular file.
        public var isRegular: Bool { attributes.mode & 0o170000 == 0o100000 }
        /// Whether it is a symbolic link.
        public var isLink: Bool { attributes.mode & 0o170000 == 0o120000 }
    }

    /// The root directory; nil for an image without layers.
    public var root: File? {
        let parts = layers.indices.reversed().map { (layer: $0, node: layers[$0].root) }
        return file(parts)
    }

    /// Links followed on the way to a file at most, as in Linux.
    private static let maximumLinks = 40

    /// The file of a path, symbolic links on the way (and at its end, if asked for) followed within the tree; nil when there is none.
    public func find(_ path: String, followsLast: Bool = true) -> File? {
        guard let root else { return nil }
        var stack = [root]
        var rest = MergedTree.names(path)[...]
        var links = 0
        while let name = rest.popFirst() {
            if name == [UInt8(ascii: ".")] { continue }
            if name == [UInt8(ascii: "."), UInt8(ascii: ".")] {
                if stack.count > 1 { stack.removeLast() }
                continue
            }
            guard let directory = stack.last, directory.isDirectory, let child = child(name, of: directory) else { return nil }
            guard child.isLink, followsLast || !rest.isEmpty else {
                stack.append(child)
                continue
            }
            links += 1
            guard links <= MergedTree.maximumLinks, let target = target(of: child) else { return nil }
            if target.first == UInt8(ascii: "/") { stack = [root] }
            rest = (MergedTree.names(target) + rest)[...]
        }
        return stack.last
    }

    /// Target of a symbolic link.
    public func target(of file: File) -> [UInt8]? { layers[file.layer].readLink(file.node).map(Array.init) }

    /// Names and files of a directory, sorted by name; `.` and `..` left out.
    public func entries(of directory: File) -> [(name: [UInt8], file: File)] {
        var names: Set<[UInt8]> = []
        for part in directory.parts {
            _ = layers[part.layer].forEachEntry(in: part.node, from: 0) { name, _, _, _ in
                names.insert(Array(name))
                return true
            }
        }
        let dots = [Array(".".utf8), Array("..".utf8)]
        return names.subtracting(dots).sorted { $0.lexicographicallyPrecedes($1) }.compactMap { name in
            child(name, of: directory).map { (name, $0) }
        }
    }

    private func child(_ name: [UInt8], of directory: File) -> File? {
        var found: [(layer: Int, node: TreeNode)] = []
        for part in directory.parts {
            let layer = layers[part.layer]
            guard let node = name.withUnsafeBytes({ layer.lookup($0, in: part.node) }), let attributes = layer.attributes(of: node) else {
                continue
            }
            let isDirectory = attributes.mode & 0o170000 == 0o040000
            let isWhiteout = attributes.mode & 0o170000 == 0o020000 && attributes.deviceMajor == 0 && attributes.deviceMinor == 0
            if isWhiteout { break }
            // Below a directory of that name, only directories still add to it.
            if !found.isEmpty, !isDirectory { break }
            found.append((part.layer, node))
            if !isDirectory || isOpaque(node, in: layer) { break }
        }
        return file(found)
    }

    private func isOpaque(_ node: TreeNode, in layer: LayerTree) -> Bool {
        Array("trusted.overlay.opaque".utf8).withUnsafeBytes { layer.xattr($0, of: node) != nil }
    }

    private func file(_ parts: [(layer: Int, node: TreeNode)]) -> File? {
        guard let top = parts.first, let attributes = layers[top.layer].attributes(of: top.node) else { return nil }
        return File(attributes: attributes, layer: top.layer, node: top.node, parts: parts)
    }

    private static func names(_ path: String) -> [[UInt8]] { names(Array(path.utf8)) }
    private static func names(_ path: [UInt8]) -> [[UInt8]] { path.split(separator: UInt8(ascii: "/")).map(Array.init) }
}
