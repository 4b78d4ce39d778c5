internal import CLinux
internal import Glibc

/// A device's file, links followed.
public struct DeviceNode: Equatable, Sendable {
    /// Whether it is a block device; else it is a character device.
    public let isBlock: Bool
    /// Driver.
    public let major: UInt32
    /// Which of its devices.
    public let minor: UInt32
    /// Permission bits.
    public let permissions: UInt32
    /// Owner.
    public let uid: UInt32
    /// Group.
    public let gid: UInt32

    /// Looks at a file; nil when there is none, or it is no device.
    public init?(_ path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0, [S_IFCHR, S_IFBLK].contains(facts.st_mode & S_IFMT) else { return nil }
        isBlock = facts.st_mode & S_IFMT == S_IFBLK
        major = starling_device_major(facts.st_rdev)
        minor = starling_device_minor(facts.st_rdev)
        permissions = facts.st_mode & 0o7777
        uid = facts.st_uid
        gid = facts.st_gid
    }
}
