internal import Glibc

/// Reads an EROFS image of the kind that `EROFSWriter` writes. Every offset is checked; a damaged image answers nil, never more.
///
/// Borrows the bytes: whoever made it keeps them. No operation allocates.
public struct EROFSImage: @unchecked Sendable {
    // Safety: the bytes are only read, and the owner of the mapping outlives this value (LayerTree holds both).
    let bytes: UnsafeRawBufferPointer
    /// Node number of the root directory.
    public let root: UInt64
    /// Number of inodes.
    public let inodeCount: UInt64
    /// Content devices that files point into: as many `device=` options as a mount takes, in the order of their numbers.
    public let deviceCount: Int
    private let metaOffset: Int
    private let deviceTable: Int

    /// Looks at the superblock.
    public init(_ bytes: UnsafeRawBufferPointer) throws(EROFSError) {
        let base = EROFSFormat.superOffset
        guard bytes.count >= EROFSFormat.blockSize, bytes.word32(base) == EROFSFormat.magic else { throw .damaged("no superblock") }
        guard bytes[base + 12] == EROFSFormat.blockBits else { throw .damaged("block size 2^\(bytes[base + 12])") }
        guard bytes.word32(base + 80) & ~EROFSFormat.incompatibleFeatures == 0 else { throw .damaged("unknown features") }
        guard Int(bytes.word32(base + 36)) * EROFSFormat.blockSize <= bytes.count else { throw .damaged("cut short") }
        self.bytes = bytes
        root = UInt64(bytes.word16(base + 14))
        inodeCount = bytes.word64(base + 16)
        metaOffset = Int(bytes.word32(base + 40)) * EROFSFormat.blockSize
        deviceCount = Int(bytes.word16(base + 86))
        deviceTable = Int(bytes.word16(base + 88)) * EROFSFormat.deviceSlotSize
        guard deviceTable + deviceCount * EROFSFormat.deviceSlotSize <= bytes.count else { throw .damaged("device table cut short") }
        guard inode(root)?.isDirectory == true else { throw .damaged("no root directory") }
    }

    /// Most names that an image of this size can hold in all directories together: a walk that finds more goes in circles.
    public var maximumNames: Int { bytes.count / EROFSFormat.direntSize }

    /// Bytes of a content device, a multiple of 4096; devices count from 1. Nil when there is none of that number.
    public func contentSize(ofDevice device: Int) -> UInt64? {
        guard device >= 1, device <= deviceCount else { return nil }
        return UInt64(bytes.word32(deviceTable + (device - 1) * EROFSFormat.deviceSlotSize + 64)) << UInt64(EROFSFormat.blockBits)
    }

    /// The inode of a node number; nil when there cannot be one.
    @inline(__always)
    public func inode(_ node: UInt64) -> EROFSInode? {
        guard node < UInt64(bytes.count / EROFSFormat.nodeUnit) else { return nil }
        let offset = metaOffset + Int(node) * EROFSFormat.nodeUnit
        guard offset + EROFSFormat.inodeSize <= bytes.count else { return nil }
        let format = bytes.word16(offset)
        guard format & 1 == 1, let layout = EROFSFormat.Layout(rawValue: format >> 1 & 7) else { return nil }
        return EROFSInode(image: self, offset: offset, layout: layout)
    }
}

/// One inode of an image.
public struct EROFSInode: @unchecked Sendable {
    // Safety: as EROFSImage.
    let image: EROFSImage
    let offset: Int
    let layout: EROFSFormat.Layout

    private var bytes: UnsafeRawBufferPointer { image.bytes }

    /// Type and permission bits.
    public var mode: UInt16 { bytes.word16(offset + 4) }
    /// Size of the data in bytes.
    public var size: UInt64 { bytes.word64(offset + 8) }
    /// Owner.
    public var uid: UInt32 { bytes.word32(offset + 24) }
    /// Group.
    public var gid: UInt32 { bytes.word32(offset + 28) }
    /// Seconds since 1970.
    public var mtimeSeconds: Int64 { Int64(bitPattern: bytes.word64(offset + 32)) }
    /// Nanoseconds after that.
    public var mtimeNanoseconds: UInt32 { bytes.word32(offset + 40) }
    /// Number of names.
    public var linkCount: UInt32 { bytes.word32(offset + 44) }
    /// Whether it is a directory.
    public var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    /// Whether it is a regular file.
    public var isRegular: Bool { mode & 0o170000 == 0o100000 }
    private var union: UInt32 { bytes.word32(offset + 16) }

    /// Device numbers; meaningless for what is no device.
    public var device: (major: UInt32, minor: UInt32) {
        ((union & 0xfff00) >> 8, union & 0xff | (union >> 12 & 0xfff00))
    }

    /// Where a regular file's bytes begin in its content device; nil when it has none.
    public var contentOffset: UInt64? {
        chunkIndex.map { UInt64(bytes.word32($0 + 4)) << UInt64(EROFSFormat.blockBits) }
    }

    /// Content device that holds a regular file's bytes, from 1 on; nil when it has none.
    public var contentDevice: UInt16? { chunkIndex.map { bytes.word16($0 + 2) } }

    // One index is the whole file: chunks are as large as the file. Device 0 would be the image itself.
    private var chunkIndex: Int? {
        guard layout == .chunkBased, size > 0 else { return nil }
        let index = EROFSLayout.aligned(dataStart, EROFSFormat.chunkIndexSize)
        guard index + EROFSFormat.chunkIndexSize <= bytes.count else { return nil }
        let device = Int(bytes.word16(index + 2))
        return device >= 1 && device <= image.deviceCount ? index : nil
    }

    private var xattrSize: Int {
        let count = Int(bytes.word16(offset + 2))
        return count == 0 ? 0 : EROFSFormat.xattrHeaderSize + (count - 1) * 4
    }

    var hasXattrs: Bool { bytes.word16(offset + 2) != 0 }

    var dataStart: Int { offset + EROFSFormat.inodeSize + xattrSize }

    /// The bytes of a directory's or link's data from `position`, to the end of its block; nil outside of the image.
    func block(_ index: Int) -> UnsafeRawBufferPointer? {
        guard size <= UInt64(bytes.count) else { return nil }
        let start = index * EROFSFormat.blockSize
        let length = min(EROFSFormat.blockSize, Int(size) - start)
        guard length > 0 else { return nil }
        let isTail = layout == .flatInline && length < EROFSFormat.blockSize
        let base = isTail ? dataStart : Int(union) * EROFSFormat.blockSize + start
        guard layout == .flatInline || layout == .flatPlain, base >= 0, base + length <= bytes.count else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[base..<base + length])
    }

    /// Target of a symbolic link.
    public var target: UnsafeRawBufferPointer? {
        guard mode & 0o170000 == 0o120000, size <= UInt64(EROFSFormat.blockSize) else { return nil }
        return block(0)
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func word16(_ offset: Int) -> UInt16 { UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)) }
    @inline(__always)
    func word32(_ offset: Int) -> UInt32 { UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    @inline(__always)
    func word64(_ offset: Int) -> UInt64 { UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
}
