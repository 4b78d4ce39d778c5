internal import CLinux
internal import Glibc
internal import Synchronization

/// A new file that is gone with its owner, however the process ends, unless it is published under a name.
///
/// It has no name until then (open(2), O_TMPFILE). Where the file system or the kernel knows no such files (NFS, most of FUSE), one to be
/// published is called `.starling-` and random digits meanwhile, and is locked: the lock (flock(2)) ends with the process, and `reap`
/// removes what nobody holds.
///
/// What is not needed any more can be released from the front, so that a file through which a lot passes stays small on the disk.
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
    private let budget: DiskBudget?
    private let extent = Mutex(Extent())

    /// What is there, in bytes.
    private struct Extent {
        var size: Int64 = 0
        var released: Int64 = 0
        /// As the file system counts.
        var allocated: Int64 = 0
    }

    /// Space is released in whole pages: what most file systems have as a block.
    public static let pageSize: Int64 = 4096

    /// Makes an empty file.
    ///
    /// - Parameters:
    ///   - directory: on the file system that it will be published in, if at all.
    ///   - budget: is told of every byte.
    public init(in directory: String, for purpose: Purpose = .scratch, budget: DiskBudget? = nil) throws(HostError) {
        self.directory = directory
        var made = try TemporaryFile.nameless(in: directory, for: purpose)
        if made == nil { made = try TemporaryFile.named(in: directory, for: purpose) }
        guard let (descriptor, path) = made else { throw .call(operation: "make a temporary file in", path: directory, code: EAGAIN) }
        content = OpenFile(owning: descriptor, path: "a temporary file in " + directory)
        provisionalPath = Mutex(path)
        self.budget = budget
    }

    deinit {
        extent.withLock { budget?.change(held: $0.released - $0.size, allocated: -$0.allocated) }
        // While it is locked: nobody else has the name.
        if let path = provisionalPath.withLock({ $0 }) { unlink(path) }
    }

    /// Bytes that were written.
    public var size: Int64 { extent.withLock { $0.size } }

    /// Bytes that were not released.
    public var held: Int64 { extent.withLock { $0.size - $0.released } }

    /// Appends all bytes; by one thread at a time.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(HostError) { try write(bytes, at: size) }

    /// Appends the bytes of an array.
    public func append(_ bytes: [UInt8]) throws(HostError) { try write(bytes, at: size) }

    /// Writes all bytes at an offset; by one thread at a time.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(HostError) {
        try FileDescriptors.write(bytes, to: content.descriptor, at: offset, path: content.path)
        count { $0.size = max($0.size, offset + Int64(bytes.count)) }
    }

    /// Writes the bytes of an array at an offset.
    public func write(_ bytes: [UInt8], at offset: Int64) throws(HostError) {
        try bytes.withUnsafeBytes { buffer in Result { () throws(HostError) in try write(buffer, at: offset) } }.get()
    }

    /// Fills the front of `buffer` from an offset and returns how many bytes; fewer than fit only at the end of the file.
    ///
    /// - Throws: `HostError`, also for bytes that were released: they would read as zeros.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(HostError) -> Int {
        guard offset >= extent.withLock({ $0.released }) else {
            throw .call(operation: "read released bytes of", path: content.path, code: EINVAL)
        }
        return try content.read(into: buffer, at: offset)
    }

    /// Lets everything behind an offset go.
    public func truncate(to size: Int64) throws(HostError) {
        guard ftruncate(content.descriptor, off_t(size)) == 0 else { throw .last("truncate", content.path) }
        count { $0.size = size }
    }

    /// Gives the disk space of everything before an offset back, which cannot be read any more then.
    ///
    /// - Returns: false where the file system cannot do that: the bytes are lost all the same, the space is kept until the file goes.
    @discardableResult
    public func release(upTo offset: Int64) -> Bool {
        let end = min(offset, size) / TemporaryFile.pageSize * TemporaryFile.pageSize
        let start = extent.withLock { $0.released }
        guard end > start else { return true }
        let isFreed = starling_punch_hole(content.descriptor, off_t(start), off_t(end - start)) == 0
        count { $0.released = end }
        return isFreed
    }

    private func count(_ change: (inout Extent) -> Void) {
        var facts = stat()
        let allocated = fstat(content.descriptor, &facts) == 0 ? Int64(facts.st_blocks) * 512 : nil
        extent.withLock { extent in
            let before = extent
            change(&extent)
            // A file that cannot be looked at is as it was.
            extent.allocated = allocated ?? before.allocated
            budget?.change(
                held: extent.size - extent.released - before.size + before.released, allocated: extent.allocated - before.allocated)
        }
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
