internal import CLinux
internal import Glibc

/// A directory that is taken for `/`: every path and every symbolic link below it is resolved inside, and nothing leads out
/// (openat2(2), `RESOLVE_IN_ROOT`). This is how files of an image, which nobody trusts, are looked at and written.
///
/// One thread at a time. Paths are bytes, as in the kernel; `..` stops at the top as it does at `/`.
public final class RootedDirectory {
    /// Path of the directory on the host, for messages.
    public let path: String
    let descriptor: Int32
    /// The parent that was used last: archives and trees come directory by directory.
    private var cached: (path: [UInt8], descriptor: Int32)?

    /// Opens the directory.
    public init(_ path: String) throws(HostError) {
        descriptor = open(path, STARLING_O_PATH | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        self.path = path
    }

    deinit {
        forgetParent()
        close(descriptor)
    }

    /// What a path leads to.
    public struct Facts: Sendable {
        /// File type and permission bits, as in `st_mode`.
        public let mode: UInt32
        /// Size in bytes.
        public let size: Int64

        /// Whether it is a regular file.
        public var isRegularFile: Bool { mode & S_IFMT == S_IFREG }
        /// Whether it is a directory.
        public var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
        /// Whether anyone may execute it.
        public var isExecutable: Bool { mode & 0o111 != 0 }
    }

    /// Facts about what a path leads to, links followed inside; nil when there is nothing.
    public func facts(_ path: String) throws(HostError) -> Facts? {
        let target = openInside(Array(path.utf8), STARLING_O_PATH)
        guard target >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .last("look up", place(path))
        }
        defer { close(target) }
        var facts = stat()
        guard fstat(target, &facts) == 0 else { throw .last("look up", place(path)) }
        return Facts(mode: facts.st_mode, size: Int64(facts.st_size))
    }

    /// Reads a small regular file, links followed inside; nil when there is none.
    public func read(_ path: String, limit: Int) throws(HostError) -> [UInt8]? {
        guard let facts = try facts(path), facts.isRegularFile else { return nil }
        let target = openInside(Array(path.utf8), O_RDONLY)
        guard target >= 0 else { throw .last("open", place(path)) }
        defer { close(target) }
        guard facts.size <= limit else { throw .tooLarge(path: place(path), limit: limit) }
        return try Files.read("/proc/self/fd/\(target)", limit: limit)
    }

    /// Opens a directory, links followed inside, for as long as `body` runs: by the path that it is given, other processes reach the directory, too.
    public func withDirectory<Result>(_ path: String, _ body: (_ path: String) throws -> Result) throws -> Result {
        let directory = openInside(Array(path.utf8), STARLING_O_PATH | O_DIRECTORY)
        guard directory >= 0 else { throw HostError.last("open directory", place(path)) }
        defer { close(directory) }
        return try body("/proc/\(getpid())/fd/\(directory)")
    }

    /// Makes a directory and its missing parents, mode 0755, links followed inside.
    public func makeDirectories(_ path: String) throws(HostError) { try makeDirectories(Array(path.utf8)) }

    /// The same for a path of bytes.
    public func makeDirectories(_ path: [UInt8]) throws(HostError) { close(try openDirectory(path)) }

    // MARK: - For the writing half

    /// The host's path of something inside, for messages.
    func place(_ inside: String) -> String { path + (inside.hasPrefix("/") ? "" : "/") + inside }

    func place(_ inside: [UInt8]) -> String { place(String(decoding: inside, as: UTF8.self)) }

    /// Resolves a path to its parent directory, made when missing, and its last component.
    ///
    /// The descriptor belongs to this object and is good until the next call.
    func parent(of path: [UInt8]) throws(HostError) -> (descriptor: Int32, name: [UInt8]) {
        let components = try RootedDirectory.components(path)
        guard let name = components.last else { throw .call(operation: "write", path: place(path), code: EISDIR) }
        let parent = Array(components.dropLast().joined(separator: [UInt8(ascii: "/")]))
        if let cached, cached.path == parent { return (cached.descriptor, Array(name)) }
        forgetParent()
        let directory = try openDirectory(parent)
        cached = (parent, directory)
        return (directory, Array(name))
    }

    /// Must be called when a directory may have been replaced.
    func forgetParent() {
        if let cached { close(cached.descriptor) }
        cached = nil
    }

    /// Splits a path; `.` and empty components vanish, `..` is refused: no honest archive has it.
    static func components(_ path: [UInt8]) throws(HostError) -> [ArraySlice<UInt8>] {
        let dot = UInt8(ascii: ".")
        let components = path.split(separator: UInt8(ascii: "/")).filter { $0 != [dot] }
        guard !components.contains([dot, dot]), !path.contains(0) else {
            throw .call(operation: "write", path: String(decoding: path, as: UTF8.self), code: EINVAL)
        }
        return components
    }

    /// Opens what a path leads to; -1 and `errno` where that fails.
    func openInside(_ path: [UInt8], _ flags: Int32) -> Int32 {
        let relative = path.drop { $0 == UInt8(ascii: "/") }
        let text = (relative.isEmpty ? [UInt8(ascii: ".")] : Array(relative)) + [0]
        return text.withUnsafeBytes { bytes in
            starling_openat2(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), flags, 0,
                STARLING_RESOLVE_IN_ROOT | STARLING_RESOLVE_NO_MAGICLINKS)
        }
    }

    /// A descriptor of a directory, made with its parents when missing; the caller closes it.
    private func openDirectory(_ path: [UInt8]) throws(HostError) -> Int32 {
        let flags = STARLING_O_PATH | O_DIRECTORY
        let whole = openInside(path, flags)
        if whole >= 0 { return whole }
        guard errno == ENOENT else { throw .last("open directory", place(path)) }
        // Make what is missing from the top; what is there may be a link and is resolved anew each time.
        var prefix: [UInt8] = []
        var directory = openInside([], flags)
        for component in path.split(separator: UInt8(ascii: "/")) {
            guard directory >= 0 else { throw .last("open directory", place(prefix)) }
            let name = CString(component)
            let made = name.withPointer { mkdirat(directory, $0, 0o755) } == 0
            if made { _ = name.withPointer { fchmodat(directory, $0, 0o755, 0) } }
            let failure = made || errno == EEXIST ? nil : HostError.last("make directory", place(prefix + component))
            close(directory)
            if let failure { throw failure }
            prefix += [UInt8(ascii: "/")] + component
            directory = openInside(prefix, flags)
        }
        guard directory >= 0 else { throw .last("open directory", place(path)) }
        return directory
    }
}

/// Bytes with a terminating zero, for calls that take a path that need not be UTF-8.
struct CString {
    private let bytes: [CChar]

    init(_ bytes: some Sequence<UInt8>) {
        self.bytes = bytes.map { CChar(bitPattern: $0) } + [0]
    }

    func withPointer<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { buffer in
            // The array is never empty.
            guard let base = buffer.baseAddress else { preconditionFailure("a C string has at least its zero") }
            return body(base)
        }
    }
}
