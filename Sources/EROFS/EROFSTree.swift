/// A file tree to be written: nodes by index, and the names that lead to them. Node 0 is the root directory.
///
/// Flat tables instead of objects: a layer has 100,000 nodes, and an allocation for each would take longer than writing the image.
public struct EROFSTree: Sendable {
    /// One inode. The number of its names is counted when the tree is written.
    public struct Node: Sendable {
        /// Type and permission bits, as in stat(2).
        public var mode: UInt16
        /// Content device that holds a regular file's bytes, from 1 on.
        public var contentDevice: UInt16 = 1
        /// Owner.
        public var uid: UInt32 = 0
        /// Group.
        public var gid: UInt32 = 0
        /// Nanoseconds after `mtimeSeconds`, below 10^9.
        public var mtimeNanoseconds: UInt32 = 0
        /// Seconds since 1970.
        public var mtimeSeconds: Int64 = 0
        /// Size of a regular file in bytes.
        public var size: UInt64 = 0
        /// Where a regular file's bytes begin in its content device; a multiple of 4096.
        public var contentOffset: UInt64 = 0
        /// Device numbers.
        public var deviceMajor: UInt32 = 0
        /// Device numbers.
        public var deviceMinor: UInt32 = 0
        /// Target of a symbolic link, in `targets`.
        var target: Range<Int> = 0..<0
        /// Extended attributes, in `attributes`.
        var xattrs: Range<Int> = 0..<0

        /// A node of a type.
        public init(mode: UInt16) { self.mode = mode }

        var isDirectory: Bool { mode & 0o170000 == 0o040000 }
        var isRegular: Bool { mode & 0o170000 == 0o100000 }
        var isLink: Bool { mode & 0o170000 == 0o120000 }
        var isDevice: Bool { mode & 0o170000 == 0o020000 || mode & 0o170000 == 0o060000 }
    }

    /// A name in a directory.
    struct Entry: Sendable {
        var directory: UInt32
        var node: UInt32
        var nameStart: UInt32
        var nameCount: UInt16
    }

    /// Most content devices of an image: their table lies between the superblock and the root directory, whose number has 16 bits. The root
    /// may begin up to a block behind the table, where it does not straddle two.
    public static let maximumDevices =
        (Int(UInt16.max) * EROFSFormat.nodeUnit - EROFSFormat.blockSize) / EROFSFormat.deviceSlotSize - EROFSFormat.deviceSlot

    /// Most bytes of a content device: its 4 KiB blocks are numbered with 32 bits, and the highest number means "none".
    public static let maximumContent = UInt64(UInt32.max - 1) << UInt64(EROFSFormat.blockBits)

    /// The nodes; the first is the root directory.
    public internal(set) var nodes: [Node]
    /// Bytes of each content device, device 1 first; rounded up to 4 KiB in the image.
    public var contentSizes: [UInt64] = []
    var entries: [Entry] = []
    // Every directory's "." and ".." are the first two bytes.
    var names = Array("..".utf8)
    var targets: [UInt8] = []
    /// Attributes as the image has them: entry, rest of the name, value, to a multiple of 4 bytes.
    var attributes: [UInt8] = []

    /// A tree of only a root directory.
    public init(root: Node) {
        nodes = [root]
    }

    /// A tree without nodes: the first that is appended becomes the root directory.
    public init() {
        nodes = []
    }

    /// Makes room for that many nodes.
    public mutating func reserveCapacity(_ count: Int) {
        nodes.reserveCapacity(count)
        entries.reserveCapacity(count)
        names.reserveCapacity(count * 16)
    }

    /// Adds a node without a name; its index.
    public mutating func append(_ node: Node) -> Int {
        nodes.append(node)
        return nodes.count - 1
    }

    /// Gives a node a name in a directory. Names are 1 to 255 bytes, unique in their directory; the caller has seen to both.
    public mutating func link(_ node: Int, in directory: Int, name: UnsafeRawBufferPointer) {
        entries.append(
            Entry(directory: UInt32(directory), node: UInt32(node), nameStart: UInt32(names.count), nameCount: UInt16(name.count)))
        names.append(contentsOf: name)
    }

    /// Gives a symbolic link its target.
    public mutating func setTarget(_ target: some Collection<UInt8>, of node: Int) {
        let start = targets.count
        targets.append(contentsOf: target)
        nodes[node].target = start..<targets.count
    }

    /// Gives a node its extended attributes, by full name, in this order.
    ///
    /// - Throws: `EROFSError.tooLarge` for what the format cannot express.
    public mutating func setXattrs(_ xattrs: [(name: [UInt8], value: [UInt8])], of node: Int) throws(EROFSError) {
        let start = attributes.count
        for (name, value) in xattrs { try appendXattr(name, value) }
        try giveXattrs(from: start, to: node)
    }

    /// Gives a node the attributes that were appended since `start`.
    mutating func giveXattrs(from start: Int, to node: Int) throws(EROFSError) {
        // The count of 4-byte units after the header is a 16-bit number.
        guard (attributes.count - start) / 4 < 65_535 else { throw .tooLarge("more than 256 KiB of extended attributes on one file") }
        nodes[node].xattrs = start..<attributes.count
    }

    mutating func appendXattr(_ name: [UInt8], _ value: [UInt8]) throws(EROFSError) {
        guard let (index, suffix) = EROFSTree.split(name), suffix.count <= 255, value.count <= 65_535 else {
            throw .tooLarge("extended attribute \"\(String(decoding: name.prefix(80), as: UTF8.self))\" cannot be stored")
        }
        appendXattr(index, suffix, value)
    }

    mutating func appendXattr(_ index: UInt8, _ suffix: some Collection<UInt8>, _ value: some Collection<UInt8>) {
        attributes.append(UInt8(suffix.count))
        attributes.append(index)
        attributes.append(UInt8(truncatingIfNeeded: value.count))
        attributes.append(UInt8(truncatingIfNeeded: value.count >> 8))
        attributes.append(contentsOf: suffix)
        attributes.append(contentsOf: value)
        while attributes.count % 4 != 0 { attributes.append(0) }
    }

    /// The prefix number of an attribute's name and the rest of the name; nil for a prefix that the format does not know.
    private static func split(_ name: [UInt8]) -> (index: UInt8, suffix: ArraySlice<UInt8>)? {
        for prefix in EROFSFormat.xattrPrefixes {
            let length = prefix.name.utf8CodeUnitCount
            let matches = prefix.name.withUTF8Buffer { name.starts(with: $0) }
            if matches { return (prefix.index, name.dropFirst(length)) }
        }
        return nil
    }
}
