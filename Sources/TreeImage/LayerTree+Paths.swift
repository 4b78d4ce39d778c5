extension LayerTree {
    /// Symbolic links that are followed on one path, as in path_resolution(7).
    private static let maximumLinks = 40

    /// The file that a path leads to, symbolic links followed within the tree; nil when there is none.
    ///
    /// - Parameter directory: where a path begins; nil for the root, where absolute ones do.
    public func resolve(_ path: String, from directory: TreeNode? = nil) -> TreeNode? {
        var stack: [TreeNode] = directory.map { ancestors(of: $0) } ?? [root]
        // Names still to be walked, the next last.
        var names = Array(path.utf8.split(separator: UInt8(ascii: "/")).map(Array.init).reversed())
        var links = 0
        while let name = names.popLast() {
            if name == [UInt8(ascii: ".")] { continue }
            if name == [UInt8(ascii: "."), UInt8(ascii: ".")] {
                if stack.count > 1 { stack.removeLast() }
                continue
            }
            guard let directory = stack.last, let node = name.withUnsafeBytes({ lookup($0, in: directory) }) else { return nil }
            guard let target = readLink(node) else {
                stack.append(node)
                continue
            }
            links += 1
            guard links <= LayerTree.maximumLinks else { return nil }
            if target.first == UInt8(ascii: "/") { stack = [root] }
            names += target.split(separator: UInt8(ascii: "/")).map(Array.init).reversed()
        }
        return stack.last
    }

    /// The directory above one; nil for the root.
    public func parent(of directory: TreeNode) -> TreeNode? {
        let dots: [UInt8] = [UInt8(ascii: "."), UInt8(ascii: ".")]
        guard let parent = dots.withUnsafeBytes({ lookup($0, in: directory) }), parent != directory else { return nil }
        return parent
    }

    /// A directory and those above it, the root first.
    private func ancestors(of directory: TreeNode) -> [TreeNode] {
        var found = [directory]
        while let last = found.last, found.count < LayerTree.deepest, let parent = parent(of: last) { found.append(parent) }
        return found.reversed()
    }

    /// Directories above each other that are believed; a damaged tree may have circles.
    private static let deepest = 4096
}
