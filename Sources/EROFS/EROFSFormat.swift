// EROFS: the kernel's read-only file system as bytes, metadata only. Pure: bytes in, values out; never a file, never a mount.
//
//   EROFSTree (nodes and names) ─▶ EROFSWriter: plan (directory blocks, inode sizes) ─▶ layout (offsets) ─▶ emit ─▶ image
//   image ─▶ EROFSImage (bounds-checked, allocation-free reading)
//
// What is written: 4 KiB blocks, extended inodes, nothing compressed; regular files have no data in the image but one chunk index
// that points into an extra device: the content file of its layer. Source: the kernel's fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst.

/// Numbers of the on-disk format.
enum EROFSFormat {
    /// log2 of the block size: 4 KiB, the page size, which every kernel mounts.
    static let blockBits: UInt8 = 12
    static let blockSize = 1 << Int(blockBits)
    /// Where the superblock begins.
    static let superOffset = 1024
    static let superSize = 128
    static let magic: UInt32 = 0xe0f5_e1e2

    /// Superblock has a checksum; inodes have times of their own.
    static let compatibleFeatures: UInt32 = 0x1 | 0x2
    /// Files in chunks; a table of extra devices.
    static let incompatibleFeatures: UInt32 = 0x4 | 0x8

    /// Size of a slot of the device table, and the index of the first: right behind the superblock.
    static let deviceSlotSize = 128
    static let deviceSlot = (superOffset + superSize) / deviceSlotSize

    /// Unit of node numbers: an inode begins at `nid * 32`.
    static let nodeUnit = 32
    static let inodeSize = 64
    static let direntSize = 12
    static let chunkIndexSize = 8
    /// A chunk is 2^(12 + n) bytes with n in 5 bits.
    static let largestChunkBits = 12 + 31
    /// This bit of the chunk format says that indexes carry a device.
    static let chunkIndexes: UInt16 = 0x20

    static let xattrHeaderSize = 12
    static let xattrEntrySize = 4
    /// A name prefix that is stored as a number (erofs_fs.h, EROFS_XATTR_INDEX_*).
    typealias XattrPrefix = (index: UInt8, name: StaticString)
    static let xattrPrefixes: [XattrPrefix] = [
        (2, "system.posix_acl_access"), (3, "system.posix_acl_default"), (1, "user."), (4, "trusted."), (6, "security."),
    ]

    /// How an inode's data is stored.
    enum Layout: UInt16 {
        case flatPlain = 0, compressedFull, flatInline, compressedCompact, chunkBased
    }
}

/// CRC-32C (Castagnoli), as the superblock uses it: initial value all ones, no final inversion.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
    }

    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            bytes.reduce(UInt32.max) { crc, byte in crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xff)] }
        }
    }
}
