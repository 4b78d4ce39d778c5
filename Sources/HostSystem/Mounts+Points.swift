internal import Glibc

/// One line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
public struct MountPoint: Equatable, Sendable {
    /// Where it is mounted, with the kernel's octal escapes decoded.
    public let path: String
    /// File system type, such as `overlay` or `fuse.starling`.
    public let type: String
    /// What is mounted: a device, or a name that means something to the type.
    public let source: String
    /// Device number of the file system, `major:minor`; no other that is mounted now has it.
    public let device: String
    /// Options of the mount point itself, such as `rw,relatime`.
    public let options: String
    /// Options of the file system, such as overlayfs' directories.
    public let superOptions: String

    /// Parses a line; nil when it has not the form of the manual page.
    ///
    /// `36 35 98:0 /mnt1 /mnt/with\040space rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
    public init?(line: some StringProtocol) {
        let fields = line.split(separator: " ")
        // Between the sixth field and the lone dash there are any number of optional ones.
        guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count >= dash + 3 else { return nil }
        path = MountPoint.decoded(fields[4])
        device = String(fields[2])
        options = String(fields[5])
        type = String(fields[dash + 1])
        source = MountPoint.decoded(fields[dash + 2])
        superOptions = fields.count > dash + 3 ? String(fields[dash + 3]) : ""
    }

    /// The field that says where it is mounted; empty when there is none.
    static func path(ofLine line: Substring) -> String {
        let fields = line.utf8.split(separator: UInt8(ascii: " "), maxSplits: 5)
        return fields.count > 4 ? decoded(Substring(fields[4])) : ""
    }

    /// Replaces `\040` and its like (space, tab, newline, backslash) by the byte they stand for.
    static func decoded(_ field: some StringProtocol) -> String {
        let bytes = Array(field.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\"), index + 3 < bytes.count, let byte = octal(bytes[(index + 1)...(index + 3)]) {
                result.append(byte)
                index += 4
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func octal(_ digits: ArraySlice<UInt8>) -> UInt8? {
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
            value = value * 8 + Int(digit - UInt8(ascii: "0"))
        }
        return UInt8(exactly: value)
    }
}

extension String {
    /// Whether it names a directory or something below it.
    fileprivate func isAt(orBelow directory: String) -> Bool {
        let directory = directory.utf8.last == UInt8(ascii: "/") ? directory.dropLast() : directory[...]
        return utf8.starts(with: directory.utf8)
            && (utf8.count == directory.utf8.count || utf8.dropFirst(directory.utf8.count).first == UInt8(ascii: "/"))
    }
}

extension Mounts {
    /// Bound on the size of mountinfo: 64 MiB, some 300,000 mounts; the kernel's own limit is 100,000 a namespace.
    private static let mountInfoLimit = 64 << 20

    /// The uppermost mount at a path, found without a look at the file system there, which may be one that nobody serves; nil when there is none.
    public static func mountPoint(at path: String) throws(HostError) -> MountPoint? {
        // The kernel writes paths without symbolic links.
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let parent = try Paths.resolved(Paths.parent(of: path))
        let resolved = name.isEmpty ? "/" : (parent == "/" ? "" : parent) + "/" + name
        return try mountPoints(below: resolved).last { $0.path == resolved }
    }

    /// Everything mounted in this namespace, in the kernel's order: a mount comes after what it is mounted on.
    ///
    /// - Parameter directory: only what is mounted there or below it, when it is given; without symbolic links.
    public static func mountPoints(below directory: String? = nil) throws(HostError) -> [MountPoint] {
        let path = "/proc/self/mountinfo"
        let text = String(decoding: try Files.read(path, limit: mountInfoLimit), as: UTF8.self)
        var points: [MountPoint] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).map(Substring.init) {
            // Of hundreds of mounts a few are wanted: the others are not taken apart.
            if let directory, !MountPoint.path(ofLine: line).isAt(orBelow: directory) { continue }
            guard let point = MountPoint(line: line) else { throw .malformed(path: path, reason: "unexpected line \"\(line)\"") }
            points.append(point)
        }
        return points
    }
}
