public import Digests

/// One entry of a TOC (eStargz specification, "TOCEntry"). Fields that JSON leaves out have their zero value.
public struct TOCEntry: Equatable, Sendable {
    /// What an entry is.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case directory, regular, symlink, hardlink, character, block, fifo, chunk

        /// The spelling in JSON.
        public var name: String { spelling.description }

        var spelling: StaticString {
            switch self {
            case .directory: "dir"
            case .regular: "reg"
            case .symlink: "symlink"
            case .hardlink: "hardlink"
            case .character: "char"
            case .block: "block"
            case .fifo: "fifo"
            case .chunk: "chunk"
            }
        }
    }

    /// A time stamp: seconds since 1970 (may be negative) and nanoseconds after that second, below 10^9.
    public struct Time: Equatable, Sendable {
        /// Seconds since 1970, UTC; negative before.
        public var seconds: Int64
        /// Nanoseconds after that second, below 10^9.
        public var nanoseconds: UInt32

        /// A time stamp.
        public init(seconds: Int64, nanoseconds: UInt32 = 0) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
    }

    /// Name as in the tar: may begin with `./` or `/`, may end in `/`; raw bytes that are not UTF-8 were repaired by whoever wrote the JSON.
    public var name: String
    /// What it is.
    public var kind: Kind
    /// Size of a regular file in bytes.
    public var size: Int64 = 0
    /// Time of last modification; nil when the tar had none.
    public var modificationTime: Time?
    /// Target of a symbolic link, or name of the file that a hard link is another name of.
    public var linkName: String = ""
    /// Permission, set-id and sticky bits as in a tar header (07777).
    public var mode: Int64 = 0
    /// Owner.
    public var uid: Int64 = 0
    /// Group.
    public var gid: Int64 = 0
    /// Name of the owner; informative.
    public var userName: String = ""
    /// Name of the group; informative.
    public var groupName: String = ""
    /// Major number of a device.
    public var deviceMajor: Int64 = 0
    /// Minor number of a device.
    public var deviceMinor: Int64 = 0
    /// Number of names; informative, readers count for themselves.
    public var linkCount: Int64 = 0
    /// Extended attributes, raw values.
    public var xattrs: [String: [UInt8]] = [:]
    /// Digest of a regular file's whole content; nil when the JSON has none.
    public var digest: Digest?
    /// Where the gzip member (zstd frame) that holds the payload begins in the blob.
    public var offset: Int64 = 0
    /// Where the payload begins in the member's uncompressed bytes; not 0 only when payloads share a member.
    public var innerOffset: Int64 = 0
    /// Where the chunk begins in the file.
    public var chunkOffset: Int64 = 0
    /// Size of the chunk in bytes; 0 means to the end of the file.
    public var chunkSize: Int64 = 0
    /// Digest of the chunk's bytes.
    public var chunkDigest: Digest?

    /// An entry of a kind, everything else zero.
    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}
