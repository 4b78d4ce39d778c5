import EROFS
import TreeImage

/// EROFS images, damaged in any way: the reader answers or says nil, in bounded time.
enum EROFSSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        guard let image = try accepted({ try EROFSImage(bytes) }) else { return }
        // Every inode of a crafted image may be a directory over all of its blocks; the walk as a whole is bounded, not each.
        var budget = 200_000
        for number in 0..<UInt64(bytes.count / 32 + 2) {
            guard budget > 0, let inode = image.inode(number) else { continue }
            _ = (inode.mode, inode.size, inode.mtimeSeconds, inode.linkCount, inode.device, inode.contentOffset, inode.contentDevice)
            if let target = inode.target { try promise(target.count <= 4096, "a link's target is bounded") }
            inode.forEachXattr { _, name, value in
                budget -= 1
                return budget > 0 && name.count + value.count < 1 << 17
            }
            var last: [UInt8] = []
            var next: UInt64 = 0
            _ = inode.forEachEntry(from: 0) { entry, cookie in
                budget -= 1
                last = Array(entry.name)
                next = cookie
                return budget > 0
            }
            _ = last.withUnsafeBytes { inode.lookup($0) }
            _ = inode.forEachEntry(from: next) { _, _ in false }
            _ = inode.forEachEntry(from: .max - number) { _, _ in false }
        }
        try merge(bytes)
    }

    /// Twice as a chain: what is accepted is a tree that nothing is left to merge in.
    private static func merge(_ bytes: UnsafeRawBufferPointer) throws {
        let file = try MemoryFile(bytes)
        let chain = try accepted {
            let tree = try LayerTree(path: file.path)
            _ = try tree.hidesLowerFiles()
            _ = try TreeMerger.merge([tree, tree], keepsWhiteouts: true)
            return try TreeMerger.merge([tree, tree])
        }
        guard let chain else { return }
        let merged = try MemoryFile(chain.erofs)
        let again = try accepted {
            let tree = try LayerTree(path: merged.path)
            return (try tree.hidesLowerFiles(), try TreeMerger.merge([tree]))
        }
        guard let (hides, result) = again else { throw BrokenPromise(description: "what was merged can be merged again") }
        try promise(!hides, "a merged tree hides nothing")
        try promise(result.erofs == chain.erofs, "a merged tree is merged already")
    }
}
