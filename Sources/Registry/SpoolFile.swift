internal import Glibc
internal import OCI
internal import Threads

/// A temporary file without a name: what is written to it is gone with its owner, however the process ends.
final class SpoolFile: Sendable {
    private let descriptor: Int32

    init() throws(RegistryError) {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((directory + "/starling-XXXXXX").utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw .system("cannot make a temporary file in \(directory): \(String(cString: strerror(errno)))") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    deinit { close(descriptor) }

    /// Takes everything that a stream has; the stream verifies it.
    func fill(from stream: any BlobStream) async throws {
        try await BlockingTask.run(cancel: { stream.cancel() }) { try self.copy(stream) }
    }

    private func copy(_ stream: any BlobStream) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try stream.read(into: buffer), count > 0 {
            var written = 0
            while written < count {
                let result = write(descriptor, buffer.baseAddress?.advanced(by: written), count - written)
                guard result > 0 else {
                    throw RegistryError.system("cannot write a temporary file: \(String(cString: strerror(errno)))")
                }
                written += result
            }
        }
    }

    /// Reads from an offset; how many bytes, negative on failure.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        pread(descriptor, buffer.baseAddress, buffer.count, offset)
    }
}
