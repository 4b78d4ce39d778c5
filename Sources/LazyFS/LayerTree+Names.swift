internal import TreeImage

extension LayerTree {
    /// A name that a directory has for something in it; nil for none.
    func name(of wanted: TreeNode, in directory: TreeNode) -> String? {
        var found: String?
        _ = forEachEntry(in: directory, from: 0) { name, node, _, _ in
            if node == wanted { found = String(decoding: name, as: UTF8.self) }
            return found == nil
        }
        return found
    }

    /// Path of something in a directory, from the root on; nil in a tree that is damaged.
    func path(of node: TreeNode, in directory: TreeNode) -> String? {
        var names: [String] = []
        var (node, directory) = (node, directory)
        while names.count < LayerTree.longestPath, let name = name(of: node, in: directory) {
            names.append(name)
            guard let parent = parent(of: directory) else { return "/" + names.reversed().joined(separator: "/") }
            (node, directory) = (directory, parent)
        }
        return nil
    }

    private static let longestPath = 4096
}
