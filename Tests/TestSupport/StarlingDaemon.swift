import Glibc
import HostSystem

/// Our own daemon with a root and a socket of its own.
public final class StarlingDaemon: Sendable {
    private let server: ServerProcess

    /// Path of its socket.
    public let socket: String

    /// Starts starlingd and waits for its socket.
    ///
    /// - Parameter configuration: the configuration file's text, without the mode.
    public init(configuration: String = "") throws {
        try requireRoot()
        try requireFuse()
        let directory = try TemporaryDirectory(prefix: "starling-daemon-")
        let socket = directory.path + "/starlingd.sock"
        self.socket = socket
        let mode = "\n[starling]\nmode = \"\(ModeUnderTest.name)\"\n"
        try AtomicFile.write(Array((configuration + mode).utf8), to: directory.path + "/config.toml")
        server = try ServerProcess(
            try Places.product("starlingd"),
            [
                "--address", socket, "--root", directory.path + "/root", "--config", directory.path + "/config.toml",
                "--log-level", "info",
            ], directory: directory
        ) { Files.exists(socket) }
    }

    deinit {
        server.kill(SIGINT)
        // SIGINT asks it to unmount; a daemon that does not end is killed by the owner of its process.
        _ = try? server.wait(for: .seconds(10))
        try? Mounts.unmountAll(below: server.directory.path)
    }

    /// Its state directory.
    public var root: String { server.directory.path + "/root" }
    /// What it has logged so far.
    public var log: String { server.log }
    /// Sends a signal.
    public func kill(_ signal: Int32) { server.kill(signal) }
    /// Waits for its end; nil when it still runs after that time.
    public func wait(for duration: Duration) throws -> Int32? { try server.wait(for: duration) }
}
