internal import Glibc
internal import Synchronization

/// A directory that lives as long as its owner: `deinit` removes it with everything in it.
public final class TemporaryDirectory: Sendable {
    /// Absolute path of the directory.
    public let path: String
    private let isRemoved = Mutex(false)

    /// Makes an empty directory, mode 0700.
    ///
    /// - Parameters:
    ///   - parent: directory to make it in; $TMPDIR or /tmp when nil.
    ///   - prefix: front of its name.
    public init(in parent: String? = nil, prefix: String = "starling-") throws(HostError) {
        let directory = parent ?? Paths.environment("TMPDIR") ?? "/tmp"
        let path = "\(directory)/\(prefix)\(RandomName.make())"
        guard mkdir(path, 0o700) == 0 else { throw .last("make directory", path) }
        self.path = path
    }

    deinit {
        // An owner that wants to know calls remove() itself; here nobody is left to tell.
        try? remove()
    }

    /// Removes the directory now; a second call does nothing.
    public func remove() throws(HostError) {
        let first = isRemoved.withLock { removed in
            defer { removed = true }
            return !removed
        }
        if first { try Files.remove(path) }
    }
}
