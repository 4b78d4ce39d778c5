import Glibc

/// A file without a name, for what is only read by path.
final class MemoryFile {
    private let descriptor: Int32

    init(_ bytes: some Collection<UInt8>) throws {
        // memfd_create(2) is not in Swift's Glibc; a file in shared memory that loses its name at once is the same.
        var template = Array("/dev/shm/starling-fuzz-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        unlink(template)
        let content = Array(bytes)
        guard descriptor >= 0, write(descriptor, content, content.count) == content.count else {
            throw BrokenPromise(description: "no memory file: \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// Valid in this process.
    var path: String { "/proc/self/fd/\(descriptor)" }
}
