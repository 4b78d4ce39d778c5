internal import Glibc

/// An open file of the store, closed with the owner. Reads and writes name their place, so threads share it without a lock.
public final class OpenFile: Sendable {
    /// The descriptor, for replies that pass it to the kernel. Valid as long as the owner.
    public let descriptor: Int32
    let path: String

    init(_ path: String, flags: Int32, mode: mode_t = 0o600) throws(StoreError) {
        descriptor = open(path, flags | O_CLOEXEC, mode)
        self.path = path
        guard descriptor >= 0 else { throw .last("open", path) }
    }

    deinit { close(descriptor) }

    /// Size of the file in bytes, now.
    func size() throws(StoreError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("stat", path) }
        return UInt64(status.st_size)
    }

    /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
    public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
        var done = 0
        while done < buffer.count {
            let result = pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
            if result == 0 { break }
            if result < 0 {
                if errno == EINTR { continue }
                throw .last("read", path)
            }
            done += result
        }
        return done
    }

    /// Writes all bytes at `offset`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let result = pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset) + off_t(done))
            if result < 0 {
                if errno == EINTR { continue }
                throw .last("write", path)
            }
            done += result
        }
    }

    /// Takes the exclusive lock of the file, waiting for other processes; released by `unlock` or with the owner.
    func lock() throws(StoreError) {
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .last("lock", path) }
        }
    }

    func unlock() { flock(descriptor, LOCK_UN) }
}
