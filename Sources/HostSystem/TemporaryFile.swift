internal import CLinux
internal import Glibc
internal import Synchronization

/// A new file that is gone with its owner, however the process ends, unless it is published under a name.
///
/// It has no name until then (open(2), O_TMPFILE). Where the file system or the kernel knows no such files (NFS, most of FUSE), one to be
/// published is called `.starling-` and random digits meanwhile, and is locked: the lock (flock(2)) ends with the process, and `reap`
/// removes what nobody holds.
public final class TemporaryFile: Sendable {
    /// What becomes of a file.
    public enum Purpose: Sendable {
        /// It goes with its owner.
        case scratch
        /// It gets a name in the end, and has these permission bits then, cut by the umask.
        case publication(mode: UInt32)
    }

    /// The directory that it was made in.
    public let directory: String
    /// What was written, to be read.
    public let content: OpenFile
    /// Path that it has for the time being, if any.
    private let provisionalPath: Mutex<String?>

    /// Makes an empty file.
    ///
    /// - Parameter directory: on the file system that it will be published in, if at all.
    public init(in directory: String, for purpose: Purpose = .scratch) throws(HostError) {
        self.directory = directory
        var made = try TemporaryFile.nameless(in: directory, for: purpose)
        if made == nil { made = try TemporaryFile.named(in: directory, for: purpose) }
        guard let (descriptor, path) = made else { throw .call(operation: "make a temporary file in", path: directory, code: EAGAIN) }
        content = OpenFile(owning: descriptor, path: "a temporary file in " + directory)
        provisionalPath = Mutex(path)
    }

    deinit {
        // While it is locked: nobody else has the name.
        if let path = provisionalPath.withLock({ $0 }) { unlink(path) }
    }

    /// Appends all bytes; by one thread at a time.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(HostError) {
        try FileDescriptors.write(bytes, to: content.descriptor, path: content.path)
    }

    /// Gives the file its name, once; what has the name already is replaced in the same step. The file stays open.
    public func publish(as path: String) throws(HostError) {
        if provisionalPath.withLock({ $0 }) == nil {
            if link(path) { return }
            guard errno == EEXIST else { throw .last("create", path) }
            // Only a rename replaces: a name is needed for it.
            try linkProvisionally()
        }
        guard let provisional = provisionalPath.withLock({ $0 }), rename(provisional, path) == 0 else { throw .last("create", path) }
        provisionalPath.withLock { $0 = nil }
    }

    /// Removes the files that processes have left in a directory which were killed before they could publish them.
    ///
    /// What cannot be removed stays: it belongs to someone else, and is theirs to remove.
    public static func reap(in directory: String) {
        // Nothing to list is nothing to remove.
        for name in (try? Files.entries(directory)) ?? [] where name.hasPrefix(namePrefix) {
            let path = directory + "/" + name
            let descriptor = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
        }
    }

    private static let namePrefix = ".starling-"
    /// A name is lost to a reaper who comes between its creation and its lock; again and again is no accident.
    private static let attempts = 10

    private static func provisionalPath(in directory: String) -> String { directory + "/" + namePrefix + RandomName.make() }

    /// Nil where there are no such files.
    private static func nameless(in directory: String, for purpose: Purpose) throws(HostError) -> (descriptor: Int32, path: String?)? {
        // A name is given through /proc, which chroots may lack.
        if case .publication = purpose, access("/proc/self/fd", X_OK) != 0 { return nil }
        let descriptor = starling_open_unnamed(directory, purpose.mode)
        if descriptor >= 0 { return (descriptor, nil) }
        // EISDIR is what a kernel says that does not know the flag.
        guard [EOPNOTSUPP, EISDIR, EINVAL, ENOSYS].contains(errno) else { throw .last("make a temporary file in", directory) }
        return nil
    }

    /// Nil when all names were lost.
    private static func named(in directory: String, for purpose: Purpose) throws(HostError) -> (descriptor: Int32, path: String?)? {
        for _ in 0..<attempts {
            let path = provisionalPath(in: directory)
            let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, purpose.mode)
            guard descriptor >= 0 else { throw .last("make a temporary file in", directory) }
            if case .scratch = purpose {
                unlink(path)
                return (descriptor, nil)
            }
            var facts = stat()
            if lock(descriptor), fstat(descriptor, &facts) == 0, facts.st_nlink > 0 { return (descriptor, path) }
            close(descriptor)
        }
        return nil
    }

    /// False when someone else has it. A file system without locks has no reapers either.
    private static func lock(_ descriptor: Int32) -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK }

    private func link(_ path: String) -> Bool {
        linkat(AT_FDCWD, "/proc/self/fd/\(content.descriptor)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0
    }

    private func linkProvisionally() throws(HostError) {
        let path = TemporaryFile.provisionalPath(in: directory)
        // Before it has the name: nobody can have locked it.
        guard TemporaryFile.lock(content.descriptor), link(path) else { throw .last("make a temporary file in", directory) }
        provisionalPath.withLock { $0 = path }
    }
}

extension TemporaryFile.Purpose {
    fileprivate var mode: UInt32 {
        switch self {
        case .scratch: 0o600
        case .publication(let mode): mode
        }
    }
}
