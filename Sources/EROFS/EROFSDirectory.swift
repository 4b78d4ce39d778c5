internal import Glibc

/// One entry of a directory; the name borrows the image's bytes.
public struct EROFSDirent {
    /// The name.
    public let name: UnsafeRawBufferPointer
    /// Number of the node.
    public let node: UInt64
    /// Linux' generic on-disk file type.
    public let kind: UInt8

    /// The order of names in a directory, by bytes: below zero when `a` comes before `b`, zero when they are the same.
    public static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        if count > 0, let left = a.baseAddress, let right = b.baseAddress {
            let order = memcmp(left, right, count)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }
}

extension EROFSInode {
    /// One block of a directory: its entries by position.
    private struct Block {
        let bytes: UnsafeRawBufferPointer
        let count: Int

        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= EROFSFormat.direntSize else { return nil }
            // The first name begins behind the last entry.
            let names = Int(bytes.word16(8))
            guard names >= EROFSFormat.direntSize, names <= bytes.count, names % EROFSFormat.direntSize == 0 else { return nil }
            self.bytes = bytes
            count = names / EROFSFormat.direntSize
        }

        func dirent(_ index: Int) -> EROFSDirent? {
            let entry = index * EROFSFormat.direntSize
            let start = Int(bytes.word16(entry + 8))
            var end = bytes.count
            if index + 1 < count {
                end = Int(bytes.word16(entry + EROFSFormat.direntSize + 8))
            } else if start < end, let base = bytes.baseAddress, let zero = memchr(base + start, 0, end - start) {
                // Only the last name of a block may end before the block does.
                end = start + (UnsafeRawPointer(zero) - (base + start))
            }
            guard start <= end, end <= bytes.count else { return nil }
            return EROFSDirent(
                name: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), node: bytes.word64(entry), kind: bytes[entry + 10])
        }
    }

    private var blockCount: Int {
        guard isDirectory, size <= UInt64(image.bytes.count) else { return 0 }
        return (Int(size) + EROFSFormat.blockSize - 1) / EROFSFormat.blockSize
    }

    private func directoryBlock(_ index: Int) -> Block? { block(index).flatMap(Block.init) }

    /// Finds a name: first the block by its first names, then the entry in the block.
    public func lookup(_ name: UnsafeRawBufferPointer) -> UInt64? {
        var (low, high) = (0, blockCount - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            guard let first = directoryBlock(middle)?.dirent(0) else { return nil }
            if EROFSDirent.compare(first.name, name) <= 0 { low = middle } else { high = middle - 1 }
        }
        guard low >= 0, let block = directoryBlock(low) else { return nil }
        (low, high) = (0, block.count - 1)
        while low <= high {
            let middle = (low + high) / 2
            guard let dirent = block.dirent(middle) else { return nil }
            let order = EROFSDirent.compare(dirent.name, name)
            if order == 0 { return dirent.node }
            if order < 0 { low = middle + 1 } else { high = middle - 1 }
        }
        return nil
    }

    /// Calls `body` with each entry from a cookie on, with the cookie of the one after it; false stops. Returns false when this is no directory.
    public func forEachEntry(from cookie: UInt64, _ body: (EROFSDirent, UInt64) -> Bool) -> Bool {
        guard isDirectory else { return false }
        // A cookie is the block and the position in it; a block has at most 341 entries.
        var block = Int(truncatingIfNeeded: cookie >> 16)
        var position = Int(cookie & 0xffff)
        while block < blockCount, let entries = directoryBlock(block) {
            while position < entries.count {
                guard let dirent = entries.dirent(position) else { return true }
                position += 1
                let next = position == entries.count ? UInt64(block + 1) << 16 : UInt64(block) << 16 | UInt64(position)
                guard body(dirent, next) else { return true }
            }
            block += 1
            position = 0
        }
        return true
    }
}
