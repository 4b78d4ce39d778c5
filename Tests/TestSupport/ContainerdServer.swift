import Glibc
public import HostSystem

/// A private containerd with our daemon as its snapshotter `stargz`: configuration, root, state and socket in a directory of its own.
public final class ContainerdServer: Sendable {
    private let server: ServerProcess

    /// Path of its socket.
    public let socket: String

    /// Starts containerd and waits until it answers.
    ///
    /// - Parameter snapshotter: socket of the snapshotter.
    public init(snapshotter: String) throws {
        try requireRoot()
        let program = try requireProgram("containerd")
        try requireProgram("ctr", package: "containerd")
        try requireProgram("runc")
        let directory = try TemporaryDirectory(prefix: "starling-containerd-")
        let socket = directory.path + "/containerd.sock"
        self.socket = socket
        try AtomicFile.write(
            Array(ContainerdServer.configuration(directory.path, socket, snapshotter).utf8), to: directory.path + "/config.toml")
        server = try ServerProcess(program, ["--config", directory.path + "/config.toml"], directory: directory) {
            try Files.exists(socket)
                && Program.run("ctr", ["--address", socket, "--connect-timeout", "2s", "version"], deadline: .seconds(10)).status == 0
        }
    }

    deinit {
        // Shims live on without containerd. They are ours when they name our socket.
        ContainerdServer.shims(of: socket).forEach { kill($0, SIGKILL) }
        server.stop()
        // A failure to unmount shows as a directory that cannot be removed.
        try? Mounts.unmountAll(below: server.directory.path)
    }

    /// Directory of the uploads to its content store that have begun.
    public var ingests: String { server.directory.path + "/root/io.containerd.content.v1.content/ingest" }

    /// What it has logged so far.
    public var log: String { server.log }

    /// Runs ctr against this containerd; fails unless it ends with 0.
    @discardableResult
    public func ctr(_ arguments: [String], deadline: Duration = .seconds(120)) throws -> Program.Result {
        try run("ctr", ["--address", socket] + arguments, deadline: deadline)
    }

    private static func configuration(_ directory: String, _ socket: String, _ snapshotter: String) -> String {
        let disabled = ["cri", "aufs", "btrfs", "zfs", "devmapper"].map { name in
            "\"io.containerd.\(name == "cri" ? "grpc" : "snapshotter").v1.\(name)\""
        }
        return """
            version = 2
            root = "\(directory)/root"
            state = "\(directory)/state"
            disabled_plugins = [\(disabled.joined(separator: ", ")), "io.containerd.internal.v1.opt"]
            [grpc]
              address = "\(socket)"
            [proxy_plugins.stargz]
              type = "snapshot"
              address = "\(snapshotter)"
            """
    }

    private static func shims(of socket: String) -> [Int32] {
        guard let names = try? Files.entries("/proc") else { return [] }
        return names.compactMap(Int32.init).filter { process in
            // A process may end while we look.
            guard let line = try? Files.read("/proc/\(process)/cmdline", limit: 1 << 20) else { return false }
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.first?.hasSuffix("containerd-shim-runc-v2") == true && words.contains(socket)
        }
    }
}
