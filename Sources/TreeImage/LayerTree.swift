public import Digests
internal import EROFS
internal import HostSystem

/// Number of a file in a layer's tree: its EROFS node number.
public typealias TreeNode = UInt64

/// What stat(2) tells about a file, and where its bytes are.
public struct NodeAttributes: Equatable, Sendable {
    /// Type and permission bits.
    public var mode: UInt16
    /// Owner.
    public var uid: UInt32
    /// Group.
    public var gid: UInt32
    /// Size in bytes.
    public var size: UInt64
    /// Number of names.
    public var linkCount: UInt32
    /// Seconds since 1970.
    public var mtimeSeconds: Int64
    /// Nanoseconds after that.
    public var mtimeNanoseconds: UInt32
    /// Device numbers; 0 for what is no device.
    public var deviceMajor: UInt32
    /// Device numbers; 0 for what is no device.
    public var deviceMinor: UInt32
    /// Where a regular file's bytes begin in their content file; `UInt64.max` for what has none.
    public var contentOffset: UInt64
    /// Content device that holds a regular file's bytes, from 1 on: the layer's place in a merged chain. 0 for what has none.
    public var contentDevice: UInt16

    /// Something that is no file of a tree: root's, with a type, permission bits and a size.
    public init(mode: UInt16, size: UInt64, linkCount: UInt32 = 1, modified: (seconds: Int64, nanoseconds: UInt32) = (0, 0)) {
        self.init(
            mode: mode, uid: 0, gid: 0, size: size, linkCount: linkCount, mtimeSeconds: modified.seconds,
            mtimeNanoseconds: modified.nanoseconds, deviceMajor: 0, deviceMinor: 0, contentOffset: .max, contentDevice: 0)
    }

    init(
        mode: UInt16, uid: UInt32, gid: UInt32, size: UInt64, linkCount: UInt32, mtimeSeconds: Int64, mtimeNanoseconds: UInt32,
        deviceMajor: UInt32, deviceMinor: UInt32, contentOffset: UInt64, contentDevice: UInt16
    ) {
        self.mode = mode
        (self.uid, self.gid) = (uid, gid)
        self.size = size
        self.linkCount = linkCount
        (self.mtimeSeconds, self.mtimeNanoseconds) = (mtimeSeconds, mtimeNanoseconds)
        (self.deviceMajor, self.deviceMinor) = (deviceMajor, deviceMinor)
        (self.contentOffset, self.contentDevice) = (contentOffset, contentDevice)
    }
}

/// A file tree, a layer's or a merged chain's, mapped: what the FUSE server asks. No operation allocates, and a damaged file answers nil.
public final class LayerTree: Sendable {
    private let file: MappedFile
    let image: EROFSImage

    /// By what a file is known to be what was written, which costs a look at all of it.
    public enum Proof: Sendable {
        case checksum(TreeChecksum)
        case digest(Digest)

        /// What there is of a file: the sum, which is faster, and its digest where that was not taken yet.
        public init(_ checksum: TreeChecksum?, _ digest: Digest) { self = checksum.map { .checksum($0) } ?? .digest(digest) }

        fileprivate func holds(of bytes: UnsafeRawBufferPointer) -> Bool {
            switch self {
            case .checksum(let checksum): TreeChecksum(of: bytes) == checksum
            case .digest(let digest): Digest.sha256(bytes) == digest
            }
        }
    }

    /// Maps an image that `LayerCompiler` made.
    ///
    /// - Parameter proof: of the whole file; nil where it has just been written.
    /// - Throws: `TreeImageError.damaged`, `.unreadable`.
    public init(path: String, proof: Proof? = nil) throws(TreeImageError) {
        file = try .compiled(path)
        if let proof {
            guard proof.holds(of: file.bytes) else { throw .damaged(path: path, "it is not what was written") }
            file.releasePages()
        }
        do {
            image = try EROFSImage(file.bytes)
        } catch {
            throw .damaged(path: path, error.description)
        }
    }

    /// Lets the pages of the image be the kernel's alone, after a look at all of them.
    func releasePages() { file.releasePages() }

    /// The image's file.
    var path: String { file.path }
    /// The root directory.
    public var root: TreeNode { image.root }
    /// Number of inodes.
    public var inodeCount: UInt64 { image.inodeCount }
    /// Content devices that files point into: one for a layer's own tree, one for each layer for a merged one.
    public var deviceCount: Int { image.deviceCount }

    /// Bytes of a content device, a multiple of 4096; devices count from 1. Nil when there is none of that number.
    public func contentSize(ofDevice device: Int) -> UInt64? { image.contentSize(ofDevice: device) }

    /// The node of a name in a directory; nil when there is none.
    public func lookup(_ name: UnsafeRawBufferPointer, in parent: TreeNode) -> TreeNode? {
        guard let inode = image.inode(parent), inode.isDirectory else { return nil }
        return inode.lookup(name)
    }

    /// What a node is; nil when there is none of that number.
    public func attributes(of node: TreeNode) -> NodeAttributes? {
        guard let inode = image.inode(node) else { return nil }
        let kind = inode.mode & 0o170000
        let device = kind == 0o020000 || kind == 0o060000 ? inode.device : (0, 0)
        return NodeAttributes(
            mode: inode.mode, uid: inode.uid, gid: inode.gid, size: inode.size, linkCount: inode.linkCount,
            mtimeSeconds: inode.mtimeSeconds,
            mtimeNanoseconds: inode.mtimeNanoseconds, deviceMajor: device.0, deviceMinor: device.1,
            contentOffset: inode.isRegular ? inode.contentOffset ?? .max : .max,
            contentDevice: inode.isRegular ? inode.contentDevice ?? 0 : 0)
    }

    /// Calls `body` with name, node, type (as in `d_type`) and next cookie of each entry from a cookie on, `.` and `..` among them; false stops.
    ///
    /// - Returns: false when the node is no directory.
    public func forEachEntry(
        in directory: TreeNode, from cookie: UInt64, _ body: (UnsafeRawBufferPointer, TreeNode, UInt8, UInt64) -> Bool
    ) -> Bool {
        guard let inode = image.inode(directory) else { return false }
        return inode.forEachEntry(from: cookie) { dirent, next in
            body(dirent.name, dirent.node, LayerTree.directoryType(dirent.kind), next)
        }
    }

    /// Target of a symbolic link; nil for what is none.
    public func readLink(_ node: TreeNode) -> UnsafeRawBufferPointer? { image.inode(node)?.target }

    /// Value of an extended attribute by its full name; nil when there is none.
    public func xattr(_ name: UnsafeRawBufferPointer, of node: TreeNode) -> UnsafeRawBufferPointer? { image.inode(node)?.xattr(name) }

    /// Calls `body` with the two parts of each extended attribute's name, and its value.
    public func forEachXattr(of node: TreeNode, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        image.inode(node)?.forEachXattr { prefix, suffix, value in
            prefix.withUTF8Buffer { body(UnsafeRawBufferPointer($0), suffix, value) }
            return true
        }
    }

    // DT_* of dirent.h, by the on-disk type: unknown, regular, directory, character, block, fifo, socket, link.
    private static func directoryType(_ kind: UInt8) -> UInt8 {
        switch kind {
        case 1: 8
        case 2: 4
        case 3: 2
        case 4: 6
        case 5: 1
        case 6: 12
        case 7: 10
        default: 0
        }
    }
}
