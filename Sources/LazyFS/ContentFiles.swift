internal import TreeImage

/// The regular files of a layer's tree in the order of its content file, with their paths.
struct ContentFiles {
    /// A file with content.
    struct File {
        /// Without a slash before it; one of its names, when it has several.
        let path: String
        /// Where its bytes begin in the content file.
        let offset: UInt64
        let size: UInt64
    }

    private let files: [File]

    /// Walks the tree once.
    init(_ tree: LayerTree) {
        var files: [UInt64: File] = [:]
        var directories = [(node: tree.root, path: "")]
        // `.` and `..` were visited, and so was what closes a circle in a damaged tree.
        var visited: Set<TreeNode> = [tree.root]
        while let (directory, path) = directories.popLast() {
            _ = tree.forEachEntry(in: directory, from: 0) { name, node, type, _ in
                let full = path + String(decoding: name, as: UTF8.self)
                if type == FileIndex.directoryType, visited.insert(node).inserted { directories.append((node, full + "/")) }
                if type == FileIndex.regularType, let file = tree.attributes(of: node), file.contentDevice > 0, file.size > 0 {
                    files[file.contentOffset] = File(path: full, offset: file.contentOffset, size: file.size)
                }
                return true
            }
        }
        self.files = files.values.sorted { $0.offset < $1.offset }
    }

    /// The files that have bytes in a part of the content file, and which bytes of each these are.
    func files(in bytes: Range<UInt64>) -> [(file: File, bytes: Range<UInt64>)] {
        let first = files.partitioningIndex { $0.offset + $0.size > bytes.lowerBound }
        return files[first...].prefix { $0.offset < bytes.upperBound }.map { file in
            let start = max(bytes.lowerBound, file.offset) - file.offset
            return (file, start..<min(bytes.upperBound - file.offset, file.size))
        }
    }
}
