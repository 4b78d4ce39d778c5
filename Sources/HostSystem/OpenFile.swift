internal import Glibc

/// An open file, closed with its owner. Reads name their place, so threads share it without a lock.
public final class OpenFile: Sendable {
    /// Where it is, for messages.
    public let path: String
    let descriptor: Int32

    /// Opens a file for reading.
    public convenience init(_ path: String) throws(HostError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        self.init(owning: descriptor, path: path)
    }

    init(owning descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Size in bytes.
    public func size() throws(HostError) -> Int64 {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .last("stat", path) }
        return Int64(facts.st_size)
    }

    /// Fills the front of `buffer` from an offset and returns how many bytes; fewer than fit only at the end of the file.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(HostError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
            if count == 0 { break }
            guard count > 0 || errno == EINTR else { throw .last("read", path) }
            done += max(0, count)
        }
        return done
    }
}
