internal import CLinux
internal import Glibc

/// Small tasks on files and directories.
public enum Files {
    /// Reads a whole file that is known to be small; more than `limit` bytes are an error.
    public static func read(_ path: String, limit: Int) throws(HostError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        // Files of /proc report size 0, so the end is where read says so.
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read", path) }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { throw .tooLarge(path: path, limit: limit) }
            bytes += buffer[..<count]
        }
    }

    /// Where a symbolic link leads.
    public static func link(_ path: String) throws(HostError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count >= 0 else { throw .last("readlink", path) }
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Names in a directory without `.` and `..`, sorted.
    public static func entries(_ directory: String) throws(HostError) -> [String] {
        guard let stream = opendir(directory) else { throw .last("list", directory) }
        defer { closedir(stream) }
        return try entries(of: stream, path: directory).map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    static func entries(of stream: OpaquePointer, path: String) throws(HostError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw .last("list", path) }
        return names
    }

    /// Renames within a file system; an existing file or empty directory of the new name is replaced.
    public static func move(_ path: String, to newPath: String) throws(HostError) {
        guard rename(path, newPath) == 0 else { throw .last("rename \(path) to", newPath) }
    }

    /// Makes everything durable that was written to the file system of `path` so far.
    public static func syncFileSystem(of path: String) throws(HostError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        guard starling_sync_file_system(descriptor) == 0 else { throw .last("sync the file system of", path) }
    }

    /// Whether something has that name; a dangling symbolic link is something.
    public static func exists(_ path: String) -> Bool {
        var facts = stat()
        return lstat(path, &facts) == 0
    }

    /// Makes a directory and its missing parents; one that is there already keeps its mode.
    ///
    /// - Parameter mode: for the last component; parents get 0755. Not cut by the umask.
    public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(HostError) {
        // Mostly it is there, or all but the last.
        if isDirectory(path) { return }
        if try make(path, mode: mode) { return }
        var prefix = path.hasPrefix("/") ? "/" : ""
        let components = path.split(separator: "/")
        for (index, component) in components.enumerated() {
            prefix += (prefix.isEmpty || prefix == "/" ? "" : "/") + component
            let wanted = index == components.count - 1 ? mode : 0o755
            if try !make(prefix, mode: wanted), errno != EEXIST {
                // EROFS and EACCES come even where the directory is there.
                let error = HostError.last("make directory", prefix)
                guard isDirectory(prefix) else { throw error }
            }
        }
        guard components.isEmpty || isDirectory(prefix) else { throw .call(operation: "make directory", path: path, code: ENOTDIR) }
    }

    /// Makes a directory; false, and errno, when it is not made.
    private static func make(_ path: String, mode: UInt32) throws(HostError) -> Bool {
        guard mkdir(path, mode) == 0 else { return false }
        guard chmod(path, mode) == 0 else { throw .last("set the mode of", path) }
        return true
    }

    /// Whether a path names a socket itself.
    public static func isSocket(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    /// Whether the path leads to a directory, through symbolic links too.
    public static func isDirectory(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }
}
