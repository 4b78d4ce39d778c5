import Glibc
import HostSystem
import Synchronization

/// Our own daemon with a root and a socket of its own; it may be ended and started again.
public final class StarlingDaemon: Sendable {
    private let directory: TemporaryDirectory
    private let current: Mutex<ServerProcess?>

    /// Path of its socket.
    public let socket: String

    /// Starts starlingd and waits for its socket.
    ///
    /// - Parameters:
    ///   - configuration: the configuration file's text, without the table of what only it has.
    ///   - own: lines of that table, without the mode.
    ///   - mode: how its containers are to see lazy layers.
    public init(configuration: String = "", own: String = "", mode: String = ModeUnderTest.name) throws {
        try requireRoot()
        try requireFuse()
        directory = try TemporaryDirectory(prefix: "starling-daemon-")
        socket = directory.path + "/starlingd.sock"
        let table = "\n[starling]\nmode = \"\(mode)\"\n\(own)\n"
        try AtomicFile.write(Array((configuration + table).utf8), to: directory.path + "/config.toml")
        current = Mutex(nil)
        try start()
    }

    deinit {
        // SIGINT asks it to unmount, and its keeper to end; a daemon that has ended another way is started for that. One that does not end
        // is killed by the owner of its process.
        if current.withLock({ $0 }) == nil { try? start() }
        _ = try? end(SIGINT, deadline: .seconds(10))
        try? Mounts.unmountAll(below: directory.path)
    }

    /// Id of its process.
    ///
    /// - Throws: `TestFailure` when it does not run.
    public var processID: Int32 {
        get throws {
            guard let server = current.withLock({ $0 }) else { throw TestFailure("the daemon does not run") }
            return server.processID
        }
    }

    /// Whether its process has ended by itself, or by another's hand.
    public var hasEnded: Bool { current.withLock { $0?.hasEnded } ?? true }

    /// Its state directory.
    public var root: String { directory.path + "/root" }
    /// What it has logged so far, all starts together.
    public var log: String {
        // A log that cannot be read is an empty one: it is only shown to people.
        String(decoding: (try? Files.read(directory.path + "/log", limit: 64 << 20)) ?? [], as: UTF8.self)
    }
    /// Arguments with which it is started.
    public var arguments: [String] {
        ["--address", socket, "--root", root, "--config", directory.path + "/config.toml", "--log-level", "info"]
    }

    /// Starts it again on the same root and waits until it serves.
    public func start() throws {
        let server = try ServerProcess(try Places.product("starlingd"), arguments, directory: directory) {
            guard let connection = try? UnixSocket.connect(to: socket, .stream) else { return false }
            close(connection)
            return true
        }
        current.withLock { $0 = server }
    }

    /// Sends a signal and waits for the end; its exit status, or 128 + the signal that killed it.
    @discardableResult
    public func end(_ signal: Int32, deadline: Duration = .seconds(30)) throws -> Int32 {
        guard let server = current.withLock({ $0 }) else { throw TestFailure("the daemon does not run") }
        server.kill(signal)
        guard let status = try server.wait(for: deadline) else {
            throw TestFailure("the daemon still runs \(deadline) after signal \(signal); its log ends with: \(log.suffix(2000))")
        }
        current.withLock { $0 = nil }
        return status
    }

    /// Ids of the processes that keep its mount.
    public func keepers() throws -> [Int32] { try Keepers.processes(of: root) }
}

/// The processes that keep the mounts of daemons.
public enum Keepers {
    /// Ids of those of a root directory.
    public static func processes(of root: String) throws -> [Int32] {
        try Files.entries("/proc").compactMap(Int32.init).filter { process in
            // A process may end while we look.
            guard let line = try? Files.read("/proc/\(process)/cmdline", limit: 1 << 20) else { return false }
            return line.split(separator: 0).suffix(2).map { String(decoding: $0, as: UTF8.self) } == ["keeper", root]
        }
    }

    /// Whether one of a root directory holds a mount.
    ///
    /// - Parameter ended: those that were killed, which may be seen for a moment yet.
    public static func holdMount(of root: String, besides ended: [Int32] = []) throws -> Bool {
        try processes(of: root).contains { process in
            guard !ended.contains(process) else { return false }
            // Either may be gone while we look.
            let names = (try? Files.entries("/proc/\(process)/fd")) ?? []
            return names.contains { (try? Paths.resolved("/proc/\(process)/fd/\($0)")) == "/dev/fuse" }
        }
    }
}
