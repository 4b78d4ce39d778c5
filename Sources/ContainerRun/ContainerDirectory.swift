internal import Glibc
internal import HostSystem
internal import OCI
internal import Synchronization

/// The directory of one container, which owns everything that the container puts into the file system and the mount table.
///
///     ROOT/containers/<id>/lock            held by the process that serves the container; the kernel lets go when it dies
///                          container.json  what it is (ContainerRecord); not there before it is about to be started
///                          state.json      what has become of it (ContainerState)
///                          start.json      how it started (StartRecord), of containers in the background
///                          config.json     the runtime specification
///                          rootfs/         overlay of the layers, mounted in the namespace of that process only
///                          upper/ work/    what the container writes
///                          etc/            resolv.conf, hosts, hostname
///                          volumes/        volumes without a name
///                          runtime/        state of runc or crun; pid and runtime.log beside it
///                          netns           its network namespace, on a bridge; network.json what was set up there (BridgeNetwork)
///                          lazy/ trees/    the lazy layers' own mounts (LazyNode)
///                          log log.1       output, of containers in the background
///                          attach          socket of a container in the background
///     ROOT/names/<name>                    a link to the directory; made at once or not at all, so that a name is one container's
///
/// Whoever holds the lock may change the directory. A container that has ended stays, without a lock, until somebody removes it.
final class ContainerDirectory: Sendable {
    let path: String
    let id: String
    private let home: Mutex<LockedDirectory?>

    var rootfs: String { path + "/rootfs" }
    var upper: String { path + "/upper" }
    var pidFile: String { ContainerDirectory.pidFile(path) }
    var runtimeLog: String { path + "/runtime.log" }
    var logFile: String { ContainerDirectory.logFile(path) }
    var socket: String { ContainerDirectory.socket(path) }

    static func pidFile(_ path: String) -> String { path + "/pid" }
    static func logFile(_ path: String) -> String { path + "/log" }
    static func socket(_ path: String) -> String { path + "/attach" }

    static func parent(root: String) -> String { root + "/containers" }

    static func path(of id: String, root: String) -> String { parent(root: root) + "/" + id }

    /// Makes the directory of a new container.
    convenience init(id: String, root: String) throws(HostError) {
        try Files.makeDirectories(root, mode: 0o711)
        self.init(try LockedDirectory(id, in: ContainerDirectory.parent(root: root)), id)
    }

    /// Takes over the directory of a container that nobody serves.
    ///
    /// - Throws: `.locked` when somebody does.
    convenience init(existing id: String, root: String) throws(HostError) {
        self.init(try LockedDirectory(existing: ContainerDirectory.path(of: id, root: root)), id)
    }

    private init(_ home: LockedDirectory, _ id: String) {
        path = home.path
        self.id = id
        self.home = Mutex(home)
    }

    /// Says how the container has ended to those who wait for that, and may look when it has been removed.
    func say(exitStatus: Int32) throws(HostError) {
        try home.withLock { (home) throws(HostError) in try home?.leave(word: "\(exitStatus)") }
    }

    /// Lets go of the lock; what the container is now is somebody else's to change.
    func letGo() { home.withLock { $0 = nil } }

    /// Mounts the layers, topmost first, with the container's changes above them.
    ///
    /// - Parameter isLasting: whether the changes are kept when the container has ended. Else nobody waits for the disk to have them, which else fsync(2) in
    ///   the container does, and unmounting for all that the machine has to write (10 ms when it is idle, and seconds when it is not).
    func mount(_ lowerDirectories: [String], isLasting: Bool) throws(HostError) {
        // The upper directory becomes the container's /, which every user of it must be able to enter.
        for name in ["rootfs", "upper", "work", "etc", "runtime"] { try Files.makeDirectories(path + "/" + name) }
        var overlay = OverlayMount(
            lowerDirectories: lowerDirectories, upperDirectory: upper, workDirectory: path + "/work",
            extraOptions: UserNamespace.isNested ? ["userxattr"] : [])
        if !isLasting { overlay.extraOptions.append("volatile") }
        do throws(HostError) {
            try overlay.mount(at: rootfs)
        } catch {
            // Before Linux 5.10.
            guard !isLasting, error.code == EINVAL else { throw error }
            overlay.extraOptions.removeLast()
            try overlay.mount(at: rootfs)
        }
    }

    /// Ends what of the container still runs and unmounts everything; what it has written stays.
    func settle(_ runtime: ContainerRuntime) throws { try ContainerDirectory.settle(path, id: id, runtime) }

    static func settle(_ path: String, id: String, _ runtime: ContainerRuntime) throws {
        try runtime.delete(id: id, bundle: path)
        try BridgeNetwork(directory: path, id: id).disconnect()
        try Mounts.unmountAll(below: path)
        for name in ["rootfs", "work", "runtime", "runtime.log", "pid", "attach", "lazy", "trees", "netns"] {
            try Files.remove(path + "/" + name)
        }
    }

    /// Removes the directory; everything in it must have been settled.
    func remove() throws(HostError) { try Files.remove(path) }

    // MARK: - Its documents

    func write(_ record: ContainerRecord) throws { try ContainerDirectory.write(record, to: path + "/container.json") }

    func writeStart(_ record: [UInt8]) throws {
        try AtomicFile.write(record, to: ContainerDirectory.start(path), mode: 0o600, durably: false)
    }

    static func start(_ path: String) -> String { path + "/start.json" }

    func write(_ state: ContainerState) throws { try ContainerDirectory.write(state, path) }

    static func write(_ state: ContainerState, _ path: String) throws { try write(state, to: path + "/state.json") }

    private static func write(_ document: some Encodable, to path: String) throws {
        try AtomicFile.write(try Documents.encode(document), to: path, mode: 0o600, durably: false)
    }

    /// Nil for a container that was never about to be started.
    static func record(_ path: String) throws -> ContainerRecord? { try read(ContainerRecord.self, path + "/container.json") }

    static func state(_ path: String) throws -> ContainerState? { try read(ContainerState.self, path + "/state.json") }

    /// Nil when there is none.
    static func read<Document: Decodable>(_ type: Document.Type, _ path: String) throws -> Document? {
        guard Files.exists(path) else { return nil }
        let bytes: [UInt8]
        do throws(HostError) {
            bytes = try Files.read(path, limit: Documents.maximumSize)
        } catch {
            // Removed at this moment.
            guard error.code == ENOENT else { throw error }
            return nil
        }
        return try Documents.decode(type, from: bytes, what: path)
    }
}
