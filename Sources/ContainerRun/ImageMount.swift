internal import Glibc
public import HostSystem
internal import OCI

/// The root file system of an image, mounted for everybody at a directory, read-only, by a process that serves it until it is unmounted.
///
///     ROOT/run/mount-<id>/lock        held while the process lives
///                         mount.json  what is mounted where (`Record`)
///                         lazy/ trees/   the lazy layers' own mounts (LazyNode)
///                         empty/      overlayfs needs two directories
///
/// Whoever unmounts the directory, umount(8) included, ends the process, which then removes the rest.
public final class ImageMount: Sendable {
    /// Absolute path of the directory where it is mounted.
    public var target: String { record.directory }
    /// By its name in the mount table a mount is known as this one, whatever else is mounted there before or after.
    public var source: String { Self.source(home) }
    /// Directory for the layers' own mounts.
    public var home: String { directory.path }
    private let directory: LockedDirectory
    private let record: Record

    private static func parent(_ root: String) -> String { root + "/run" }

    static let prefix = "mount-"
    private static let recordName = "/mount.json"

    /// What is mounted where.
    public struct Record: Codable, Equatable, Sendable {
        /// The image as it was named.
        public var image: String
        /// Absolute path of the directory, without links.
        public var directory: String
        /// Id of the process that serves it.
        public var process: Int32
    }

    /// Prepares to mount an image; nothing is mounted yet. What a killed process has left mounted is unmounted.
    ///
    /// - Parameters:
    ///   - target: the directory, which must be there.
    ///   - root: of store and state.
    public init(_ image: String, at target: String, root: String) throws {
        let path = try Self.directory(target)
        try Self.reap(root)
        record = Record(image: image, directory: path, process: getpid())
        directory = try LockedDirectory(Self.prefix + RandomName.make(), in: Self.parent(root))
        do {
            // Before it is mounted: what is recorded and not mounted does no harm.
            try AtomicFile.write(try Documents.encode(record), to: directory.path + Self.recordName)
        } catch {
            try? Files.remove(directory.path)
            throw error
        }
    }

    /// Mounts the layers, topmost first.
    public func mount(_ lowerDirectories: [String]) throws(HostError) {
        var lowers = lowerDirectories
        if lowers.count < 2 {
            try Files.makeDirectories(home + "/empty")
            lowers.append(home + "/empty")
        }
        try OverlayMount(source: source, lowerDirectories: lowers, extraOptions: UserNamespace.isNested ? ["userxattr"] : []).mount(
            at: record.directory)
    }

    private static func source(_ home: String) -> String { "starling-" + (home.split(separator: "/").last ?? "") }

    private static func isMounted(_ record: Record, _ home: String) throws(HostError) -> Bool {
        let source = source(home)
        return try Mounts.mountPoints().contains { $0.path == record.directory && $0.source == source }
    }

    /// Returns when nothing is mounted at the directory any more, or when `isEnding` says so: that is asked when the mount table changes, and
    /// each second.
    public func waitForUnmount(orUntil isEnding: () -> Bool) throws(HostError) {
        let table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
        guard table >= 0 else { throw .last("open", "/proc/self/mountinfo") }
        defer { close(table) }
        while !isEnding() {
            guard try Self.isMounted(record, home) else { return }
            var wanted = pollfd(fd: table, events: Int16(POLLPRI), revents: 0)
            guard poll(&wanted, 1, 1000) >= 0 || errno == EINTR else { throw .last("watch", "/proc/self/mountinfo") }
        }
    }

    /// Unmounts the directory, when it still is mounted.
    public func unmount() throws(HostError) { try Self.unmount(record, home) }

    private static func unmount(_ record: Record, _ home: String) throws(HostError) {
        if try isMounted(record, home) { try Mounts.unmount(record.directory) }
    }

    /// Unmounts, when it still is, and removes the directory; the layers' own mounts must have ended.
    public func end() throws(HostError) {
        try unmount()
        try Files.remove(directory.path)
    }

    /// What is mounted below a root, by living processes.
    public static func records(root: String) throws -> [Record] {
        let parent = Self.parent(root)
        guard Files.exists(parent) else { return [] }
        try reap(root)
        return try Files.entries(parent).filter { $0.hasPrefix(prefix) }.sorted().compactMap { try record(parent + "/" + $0) }
    }

    /// Unmounts an image, and returns when the process that served it has ended.
    ///
    /// - Parameter detaches: also a mount that is in use; those who use it keep what they have open, until the process ends.
    /// - Throws: `ImageMountError`, or `HostError`.
    public static func unmount(_ target: String, root: String, detaches: Bool = false) throws {
        let path = try directory(target)
        guard let record = try records(root: root).last(where: { $0.directory == path }) else { throw ImageMountError.notMounted(target) }
        do throws(HostError) {
            if detaches { try Mounts.unmount(path) } else { try Mounts.unmountUnused(path) }
        } catch {
            guard error.code == EBUSY else { throw error }
            throw ImageMountError.isUsed(target)
        }
        for _ in 0..<Self.patience {
            guard try records(root: root).contains(record) else { return }
            usleep(Self.pauseMicroseconds)
        }
        throw ImageMountError.stillServed(target, process: record.process)
    }

    private static let pauseMicroseconds: useconds_t = 20_000
    /// Ten seconds.
    private static let patience = 500

    private static func record(_ directory: String) throws -> Record? {
        // One that is just being made or removed has none.
        guard let bytes = try? Files.read(directory + recordName, limit: 1 << 16) else { return nil }
        return try Documents.decode(Record.self, from: bytes, what: directory + recordName)
    }

    /// Removes what killed processes have left.
    private static func reap(_ root: String) throws {
        let parent = Self.parent(root)
        try LockedDirectory.reap(in: parent, where: { $0.hasPrefix(prefix) }) { name throws(HostError) in
            let directory = parent + "/" + name
            // One that cannot be read was never mounted.
            if let record = try? record(directory) { try unmount(record, directory) }
            try Mounts.unmountAll(below: directory)
            try Files.remove(directory)
        }
    }

    private static func directory(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw HostError.last("find", path) }
        defer { free(resolved) }
        let absolute = String(cString: resolved)
        guard Files.isDirectory(absolute) else { throw HostError.call(operation: "mount at", path: path, code: ENOTDIR) }
        return absolute
    }
}

/// Why an image cannot be unmounted.
public enum ImageMountError: Error, Equatable, CustomStringConvertible {
    case notMounted(String)
    case isUsed(String)
    case stillServed(String, process: Int32)

    /// What is where, and what to do.
    public var description: String {
        switch self {
        case .notMounted(let directory): "\(directory): no image is mounted there; `starling mount` lists those that are"
        case .isUsed(let directory): "\(directory): in use (`fuser -vm \(directory)` shows by whom); --lazy detaches it all the same"
        case .stillServed(let directory, let process): "\(directory): unmounted, but process \(process), which served it, has not ended"
        }
    }
}
