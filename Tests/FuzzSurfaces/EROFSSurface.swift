import EROFS

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
    }
}
