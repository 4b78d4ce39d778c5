/// One entry of a tar archive: what its headers say, and the headers themselves.
public struct TarEntry: Equatable, Sendable {
    /// What an entry is.
    public enum Kind: Sendable, CaseIterable {
        case regular, hardlink, symlink, character, block, directory, fifo
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

    /// The name as stored, without a terminating NUL; may begin with `./` or `/` and end in `/`.
    public var nameBytes: [UInt8]
    /// What it is.
    public var kind: Kind
    /// The mode field as stored: permission, set-id and sticky bits; some writers add the file type's bits.
    public var mode: Int64
    /// Owner.
    public var uid: Int64
    /// Group.
    public var gid: Int64
    /// Name of the owner, empty when not stored.
    public var userName: String
    /// Name of the group, empty when not stored.
    public var groupName: String
    /// Bytes of payload that follow the headers; 0 for everything but regular files.
    public var size: Int64
    /// Time of last modification.
    public var modificationTime: Time
    /// Target of a symbolic link, or the name in this archive that a hard link is another name of; as stored.
    public var linkNameBytes: [UInt8]
    /// Major number of a device.
    public var deviceMajor: Int64
    /// Minor number of a device.
    public var deviceMinor: Int64
    /// Extended attributes from `SCHILY.xattr.` records, raw values. (`LIBARCHIVE.xattr.` records repeat them and are
    /// passed over, as container runtimes do.)
    public var xattrs: [String: [UInt8]]
    /// All header blocks as they stand in the archive: extended headers with their padding, then the entry's own block.
    public var headerBytes: [UInt8]
    /// Where the first of `headerBytes` stands in the archive.
    public var offset: UInt64

    /// The name as text; bytes that are not UTF-8 are repaired with U+FFFD, as JSON demands.
    public var name: String { String(decoding: nameBytes, as: UTF8.self) }
    /// The link name as text, repaired in the same way.
    public var linkName: String { String(decoding: linkNameBytes, as: UTF8.self) }
    /// Bytes between the payload and the next multiple of the block size.
    public var paddingSize: Int { Int(-size & Int64(TarBlock.size - 1)) }
}
