internal import Glibc
internal import HostSystem

/// The disk space of a tree that a container wrote: names are hostile, links are not followed.
enum DirectoryUsage {
    /// Deepest nesting that is counted, in directories: one descriptor is held for each.
    static let maximumDepth = 512

    /// Allocated bytes and inodes of a tree, its root included, hard links once; as containerd counts.
    static func measure(_ path: String) throws(HostError) -> SnapshotUsage {
        var count = UsageCount()
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .last("measure", path) }
        count.add(status)
        var levels = [try OpenDirectory(path: path)]
        while let level = levels.last {
            guard let name = level.next() else {
                levels.removeLast()
                continue
            }
            // A container may be running: what vanishes meanwhile is not counted.
            guard fstatat(level.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            count.add(status)
            if status.st_mode & S_IFMT == S_IFDIR, levels.count < maximumDepth, let child = OpenDirectory(name, in: level) {
                levels.append(child)
            }
        }
        return count.usage
    }
}

/// A running sum over inodes.
private struct UsageCount {
    private(set) var usage = SnapshotUsage(bytes: 0, inodes: 0)
    private var linked: Set<InodeIdentity> = []

    private struct InodeIdentity: Hashable {
        let device: dev_t
        let inode: ino_t
    }

    mutating func add(_ status: stat) {
        if status.st_nlink > 1, status.st_mode & S_IFMT != S_IFDIR {
            guard linked.insert(InodeIdentity(device: status.st_dev, inode: status.st_ino)).inserted else { return }
        }
        usage.inodes += 1
        usage.bytes += Int64(status.st_blocks) * 512  // st_blocks counts 512-byte units whatever the block size (stat(2))
    }
}
