internal import Glibc

/// An open file of a layout or archive, closed with its owner; reads and writes name their place.
final class LayoutFile: Sendable {
    let descriptor: Int32
    let path: String

    init(_ path: String, flags: Int32 = O_RDONLY, mode: mode_t = 0o644) throws(LayoutError) {
        descriptor = open(path, flags | O_CLOEXEC, mode)
        self.path = path
        guard descriptor >= 0 else { throw .last(flags & O_CREAT == 0 ? "open" : "create", path) }
    }

    deinit { close(descriptor) }

    func size() throws(LayoutError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("stat", path) }
        return Int64(status.st_size)
    }

    /// Fills the front of `buffer` from `offset`; fewer bytes only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(LayoutError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
            if count == 0 { break }
            guard count > 0 || errno == EINTR else { throw .last("read", path) }
            done += max(0, count)
        }
        return done
    }

    /// Reads `count` bytes, all of which must be there.
    func bytes(at offset: Int64, count: Int) throws(LayoutError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(LayoutError) in try read(into: buffer, at: offset) }
        }
        guard try result.get() == count else { throw .notALayout(path: path, reason: "it ends too early") }
        return bytes
    }

    /// Appends all bytes.
    func append(_ bytes: UnsafeRawBufferPointer) throws(LayoutError) {
        var done = 0
        while done < bytes.count {
            let count = write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            guard count >= 0 || errno == EINTR else { throw .last("write", path) }
            done += max(0, count)
        }
    }

    func append(_ bytes: [UInt8]) throws(LayoutError) {
        let result = bytes.withUnsafeBytes { buffer in Result { () throws(LayoutError) in try append(buffer) } }
        try result.get()
    }

    /// Appends everything that a stream has; returns how many bytes.
    func append(from stream: any BlobStream) throws -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var total: Int64 = 0
        while case let count = try stream.read(into: buffer), count > 0 {
            try append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            total += Int64(count)
        }
        return total
    }
}
