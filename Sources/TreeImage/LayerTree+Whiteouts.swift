internal import EROFS

extension EROFSInode {
    /// Whether overlayfs takes it for a whiteout: a character device 0:0.
    var isWhiteout: Bool { mode & 0o170000 == 0o020000 && device == (0, 0) }

    /// Whether a directory is marked to hide the layers below.
    var isOpaque: Bool {
        OverlayMarks.opaque.name.withUnsafeBytes { xattr($0) }.map { $0.elementsEqual(OverlayMarks.opaque.value) } ?? false
    }
}

extension LayerTree {
    /// Whether the tree has a whiteout or an opaque mark, which mean something above other layers only: such a layer alone is no root file
    /// system yet, `TreeMerger` makes one of it. Reads every directory: some milliseconds for 100,000 files.
    public func hidesLowerFiles() throws(TreeImageError) -> Bool {
        var pending = [root]
        var remaining = image.maximumNames
        var isFound = false
        while let directory = pending.popLast(), !isFound {
            guard let inode = image.inode(directory) else { throw .damaged(path: path, "a name leads nowhere") }
            isFound = inode.isOpaque
            _ = inode.forEachEntry(from: 0) { entry, _ in
                remaining -= 1
                guard let inode = image.inode(entry.node), !ChainMerge.isDots(entry.name) else { return true }
                if inode.isDirectory { pending.append(entry.node) } else if inode.isWhiteout { isFound = true }
                return !isFound && remaining > 0
            }
            guard remaining > 0 else { throw .damaged(path: path, "it leads in circles") }
        }
        return isFound
    }
}
