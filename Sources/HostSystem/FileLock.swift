internal import Glibc

/// An exclusive lock (flock(2)) that the kernel releases when its holder ends, however it ends.
///
/// The file itself stays when the lock is released: removing it would let two processes lock two files of one name.
public final class FileLock: Sendable {
    /// Path of the lock file.
    public let path: String
    private let descriptor: Int32

    /// Takes the lock or throws `.locked`, naming the holder; never waits.
    ///
    /// - Parameter create: whether a missing file is made; else it fails with ENOENT.
    public init(_ path: String, create: Bool = true) throws(HostError) {
        let descriptor = open(path, O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = HostError.last("lock", path)
            defer { close(descriptor) }
            guard error.code == EWOULDBLOCK else { throw error }
            throw .locked(path: path, holder: FileLock.holder(descriptor))
        }
        self.path = path
        self.descriptor = descriptor
        let text = "\(getpid())\n"
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.utf8.count, 0) == text.utf8.count else {
            // `deinit` closes the descriptor.
            throw .last("write", path)
        }
    }

    deinit { close(descriptor) }

    /// Writes a line behind the holder's process id, for those who have the file open, and can read it when it has been removed.
    public func leave(word: String) throws(HostError) {
        let text = "\(getpid())\n\(word)\n"
        guard pwrite(descriptor, text, text.utf8.count, 0) == text.utf8.count else { throw .last("write", path) }
    }

    /// `process 123 (starling)`, from what the holder wrote.
    private static func holder(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        let text = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        guard let process = Int(text.prefix { $0.isNumber }) else { return "another process" }
        // The name is a courtesy; the holder may belong to someone else or have just ended.
        let name = try? Files.read("/proc/\(process)/comm", limit: 64)
        return "process \(process)" + (name.map { " (" + String(decoding: $0.dropLast(), as: UTF8.self) + ")" } ?? "")
    }
}
