/// A file tree to be written: nodes by index, and the names that lead to them. Node 0 is the root directory.
///
/// Flat tables instead of objects: a layer has 100,000 nodes, and an allocation for each would take longer than writing the image.
public struct EROFSTree: Sendable {
    /// One inode.
    public struct Node: Sendable {
        /// Type and permission bits, as in stat(2).
        public var mode: UInt16
        /// Owner.
        public var uid: UInt32 = 0
        /// Group.
        public var gid: UInt32 = 0
        /// Number of names.
        public var linkCount: UInt32 = 1
        /// Seconds since 1970.
        public var mtimeSeconds: Int64 = 0
        /// Nanoseconds after that, below 10^9.
        public var mtimeNanoseconds: UInt32 = 0
        /// Size of a regular file in bytes.
        public var size: UInt64 = 0
        /// Where a regular file's bytes begin in the content device; a multiple of 4096.
        public var contentOffset: UInt64 = 0
        /// Device numbers.
        public var deviceMajor: UInt32 = 0
        /// Device numbers.
        public var deviceMinor: UInt32 = 0
        /// Target of a symbolic link.
        public var target: [UInt8] = []
        /// Extended attributes, full names, sorted.
        public var xattrs: [(name: [UInt8], value: [UInt8])] = []

        /// A node of a type.
        public init(mode: UInt16) { self.mode = mode }
    }

    /// A name in a directory.
    struct Entry: Sendable {
        var directory: UInt32
        var node: UInt32
        var nameStart: UInt32
        var nameCount: UInt16
    }

    /// The nodes; the first is the root directory.
    public var nodes: [Node]
    /// Bytes of the content device.
    public var contentSize: UInt64 = 0
    var entries: [Entry] = []
    var names: [UInt8] = []

    /// A tree of only a root directory.
    public init(root: Node) {
        nodes = [root]
    }

    /// Gives a node a name in a directory. Names are 1 to 255 bytes, unique in their directory; the caller has seen to both.
    public mutating func link(_ node: Int, in directory: Int, name: UnsafeRawBufferPointer) {
        entries.append(
            Entry(directory: UInt32(directory), node: UInt32(node), nameStart: UInt32(names.count), nameCount: UInt16(name.count)))
        names.append(contentsOf: name)
    }
}
