internal import CLinux
internal import Glibc

/// Mounting and unmounting in the process's own mount namespace.
public enum Mounts {
    /// How often a busy mount is asked again before it is detached lazily: 20 times, 25 ms apart, together half a second.
    /// Long enough for a process that is just ending, short enough for someone who waits at a terminal.
    static let busyRetries = 20
    static let busyPauseMicroseconds: useconds_t = 25_000

    /// Mounts a file system of any type; `options` as in the type's manual page.
    public static func mount(
        type: String, source: String, at target: String, readOnly: Bool = false, options: String? = nil
    ) throws(HostError) {
        let flags = readOnly ? STARLING_MS_RDONLY : 0
        guard starling_mount(source, target, type, flags, options) == 0 else { throw .last("mount \(type) at", target) }
    }

    /// Makes `source` (a file or a directory) appear at `target` too.
    public static func bind(_ source: String, at target: String, recursive: Bool = false, readOnly: Bool = false) throws(HostError) {
        let flags = STARLING_MS_BIND | (recursive ? STARLING_MS_REC : 0)
        guard starling_mount(source, target, nil, flags, nil) == 0 else { throw .last("bind mount \(source) at", target) }
        guard readOnly else { return }
        // A bind mount ignores MS_RDONLY; it takes a second call.
        guard starling_mount(nil, target, nil, STARLING_MS_BIND | STARLING_MS_RDONLY | STARLING_MS_REMOUNT, nil) == 0 else {
            let error = HostError.last("make read-only", target)
            _ = starling_umount_lazily(target)
            throw error
        }
    }

    /// Unmounts what is mounted at `target`, the uppermost mount only; nothing mounted there is no error.
    ///
    /// A busy mount is retried for half a second, then detached lazily: it vanishes from the tree now and ends when its last user does.
    public static func unmount(_ target: String) throws(HostError) {
        if geteuid() != 0 { return try unmountAsUser(target, detaches: true) }
        for attempt in 0...busyRetries {
            if starling_umount(target) == 0 { return }
            switch errno {
            case EINVAL, ENOENT: return
            case EBUSY where attempt < busyRetries: usleep(busyPauseMicroseconds)
            case EBUSY: break
            default: throw .last("unmount", target)
            }
        }
        guard starling_umount_lazily(target) == 0 || errno == EINVAL else { throw .last("unmount", target) }
    }

    /// Detaches what is mounted at `target`: it vanishes from the tree now and ends when its last user does.
    public static func detach(_ target: String) throws(HostError) {
        guard starling_umount_lazily(target) == 0 else { throw .last("unmount", target) }
    }

    /// Unmounts what is mounted at `target`, unless it is in use: that fails with EBUSY.
    public static func unmountUnused(_ target: String) throws(HostError) {
        if geteuid() != 0 { return try unmountAsUser(target) }
        guard starling_umount(target) == 0 else { throw .last("unmount", target) }
    }

    /// Unmounts everything mounted at `directory` or below it, the deepest first.
    public static func unmountAll(below directory: String) throws(HostError) {
        for point in try mountPoints(below: directory).reversed() { try unmount(point.path) }
    }
}
