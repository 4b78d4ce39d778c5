internal import Glibc
internal import HostSystem
public import LazyFS
public import Logging
internal import OCI

/// What a store has on the disk; one store for a root.
///
///     ROOT/store/lock                     held while the process lives
///                store.json               where it is mounted, and by which process (`Record`)
///                keeper.sock, lazy.mount  what lets the mount outlive the process (`MountKeeping`)
///                trees/                   the layers that the kernel mounts itself
///                used/                    the layers that are used (`UsedLayers`)
public final class StoreHome: Sendable {
    /// The directory.
    public let path: String
    /// Absolute path of the mount point, without links.
    public let mountpoint: String
    private let lock: FileLock

    private struct Record: Codable {
        var mountpoint: String
        var process: Int32
    }

    /// Takes the store of a root for this process. What a dead one has left mounted elsewhere is unmounted; at the same place it can be gone on with.
    ///
    /// - Parameter mountpoint: made when missing.
    /// - Throws: `HostError.locked` while another process has it; `StoreError`; `HostError`.
    public init(root: String, mountpoint: String, keeper: KeeperProgram, log: Logger) throws {
        path = Self.directory(root)
        try Files.makeDirectories(path, mode: 0o711)
        self.mountpoint = try Self.resolved(mountpoint)
        lock = try FileLock(path + Self.lockName)
        if let point = try Mounts.mountPoint(at: self.mountpoint), point.type != Self.mountType {
            throw StoreHomeError.isMounted(self.mountpoint, type: point.type)
        }
        if let old = Self.record(path), old.mountpoint != self.mountpoint { try Self.end(old.mountpoint, path, keeper, log) }
        try AtomicFile.write(try Documents.encode(Record(mountpoint: self.mountpoint, process: getpid())), to: path + Self.recordName)
    }

    private static let lockName = "/lock"
    private static let recordName = "/store.json"
    private static let mountType = "fuse.starling"

    private static func directory(_ root: String) -> String { root + "/store" }

    // The mount point itself may be a mount that nobody serves now: only what is above it is looked at.
    private static func resolved(_ path: String) throws(HostError) -> String {
        let full = path.hasPrefix("/") ? path : try Paths.resolved(".") + "/" + path
        let components = full.split(separator: "/")
        guard let name = components.last, name != "..", name != "." else { throw .call(operation: "mount at", path: path, code: EINVAL) }
        let parent = "/" + components.dropLast().joined(separator: "/")
        try Files.makeDirectories(parent, mode: 0o755)
        let resolved = try Paths.resolved(parent)
        return (resolved == "/" ? "" : resolved) + "/" + name
    }

    private static func record(_ path: String) -> Record? {
        guard let bytes = try? Files.read(path + recordName, limit: 1 << 16) else { return nil }
        return try? Documents.decode(Record.self, from: bytes, what: path + recordName)
    }

    /// Whether the root's store is said to be mounted at a directory.
    public static func isNoted(at directory: String, root: String) -> Bool {
        record(self.directory(root)).map { (try? resolved(directory)) == $0.mountpoint } ?? false
    }

    /// Ends the store that is mounted at a directory: its process, or, when that is dead, what it has left.
    ///
    /// - Returns: false when the root's store is not mounted there.
    public static func stop(_ directory: String, root: String, keeper: KeeperProgram) throws -> Bool {
        let path = self.directory(root)
        guard let record = record(path), let wanted = try? resolved(directory), record.mountpoint == wanted,
            try Mounts.mountPoint(at: wanted)?.type == mountType
        else { return false }
        for attempt in 0..<patience {
            do throws(HostError) {
                let lock = try FileLock(path + lockName, create: false)
                try withExtendedLifetime(lock) { () throws(HostError) in try end(wanted, path, keeper, Logger(label: "starling")) }
                return true
            } catch {
                guard case .locked = error else { throw error }
                if attempt == 0 { kill(record.process, SIGINT) }
                usleep(pauseMicroseconds)
            }
        }
        throw StoreHomeError.stillServed(wanted, process: record.process)
    }

    private static let pauseMicroseconds: useconds_t = 20_000
    /// Ten seconds.
    private static let patience = 500

    /// Unmounts what a dead process has left.
    private static func end(_ mountpoint: String, _ path: String, _ keeper: KeeperProgram, _ log: Logger) throws(HostError) {
        MountKeeping(directory: path, program: keeper, log: log).abandon(at: mountpoint)
        try Mounts.unmountAll(below: path)
        if try Mounts.mountPoint(at: mountpoint)?.type == mountType { try Mounts.unmount(mountpoint) }
        unlink(path + recordName)
    }

    /// Nothing is mounted any more; what is used stays noted.
    public func end() { unlink(path + Self.recordName) }
}

/// Why a store cannot be mounted, or ended.
public enum StoreHomeError: Error, Equatable, CustomStringConvertible {
    case isMounted(String, type: String)
    case stillServed(String, process: Int32)

    /// What is where, and what to do.
    public var description: String {
        switch self {
        case .isMounted(let directory, let type):
            "\(directory): a file system of type \(type) is mounted there; unmount it or choose another directory"
        case .stillServed(let directory, let process): "\(directory): process \(process), which serves it, has not ended"
        }
    }
}
