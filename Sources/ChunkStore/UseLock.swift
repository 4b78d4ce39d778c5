internal import Glibc

/// Says that a directory of the store is being used: a shared lock on one of its files (flock(2)), held as long as the object lives.
///
/// Any number of processes hold it at once; who removes the directory needs it alone, so nothing that is open vanishes.
final class UseLock: Sendable {
    private let descriptor: Int32

    /// Takes a share and marks the file as used now. Fails with ESTALE when the file was moved away meanwhile.
    init(_ path: String) throws(StoreError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        guard flock(descriptor, LOCK_SH) == 0 else { throw .last("lock", path) }
        guard UseLock.isStill(path, descriptor) else { throw .system(operation: "lock", path: path, code: ESTALE) }
        // The time of the last use; where it cannot be written, the layer only looks older than it is.
        futimens(descriptor, nil)
    }

    private init(alone descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// The lock of whoever removes the directory; nil while somebody uses it, or when it is gone.
    static func alone(_ path: String) -> UseLock? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let lock = UseLock(alone: descriptor)
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && isStill(path, descriptor) ? lock : nil
    }

    private static func isStill(_ path: String, _ descriptor: Int32) -> Bool {
        var (here, there) = (stat(), stat())
        return fstat(descriptor, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev
    }
}
