internal import Glibc

/// Files that are whole or not there, also after a power cut.
public enum AtomicFile {
    /// Writes `bytes` to a temporary file in the same directory, makes them durable and renames the file to `path`.
    ///
    /// - Parameters:
    ///   - mode: permission bits, not cut by the umask.
    ///   - durably: false for what means nothing after a power cut; then nobody waits for the disk, and the file may be empty after one.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644, durably: Bool = true) throws(HostError) {
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(HostError) in try write(buffer, to: path, mode: mode, durably: durably) }
        }.get()
    }

    /// Writes a buffer the same way.
    public static func write(
        _ bytes: UnsafeRawBufferPointer, to path: String, mode: UInt32 = 0o644, durably: Bool = true
    ) throws(HostError) {
        let temporary = "\(path).tmp-\(getpid())-\(RandomName.make())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .last("write", path) }
        do throws(HostError) {
            do {
                defer { close(descriptor) }
                try FileDescriptors.write(bytes, to: descriptor, path: path)
                guard fchmod(descriptor, mode) == 0, !durably || fsync(descriptor) == 0 else { throw HostError.last("write", path) }
            }
            guard rename(temporary, path) == 0 else { throw HostError.last("write", path) }
        } catch {
            unlink(temporary)
            throw error
        }
        if durably { try syncDirectory(of: path) }
    }

    /// Makes a rename in the directory of `path` durable.
    public static func syncDirectory(of path: String) throws(HostError) {
        let directory = Paths.parent(of: path)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .last("sync", directory) }
    }
}

/// Reading and writing whole buffers through descriptors.
public enum FileDescriptors {
    /// Writes all of `bytes` at an offset; the descriptor's own place stays.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64, path: String) throws(HostError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write", path) }
            done += count
        }
    }

    /// Writes all of an array.
    public static func write(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(HostError) {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(HostError) in try write(bytes, to: descriptor, path: path) }
        }.get()
    }

    /// Writes all of `bytes`, however many calls it takes; `path` is for the message.
    public static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(HostError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write", path) }
            rest = rest.dropFirst(count)
        }
    }
}

/// Names that nobody else has.
public enum RandomName {
    /// 16 lower-case hexadecimal digits: 64 random bits.
    public static func make() -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
