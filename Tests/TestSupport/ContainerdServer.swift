import Glibc
public import HostSystem

/// A private containerd with our daemon as its snapshotter `stargz`: configuration, root, state and socket in a directory of its own.
public final class ContainerdServer: Sendable {
    /// Whose programs are run.
    public enum Release: Sendable, CustomStringConvertible {
        /// This machine's.
        case installed
        /// Another Debian's, fetched once and never installed.
        case debian(String)

        /// containerd 1.6, of Debian 12; 1.7, of 13; 2.1.
        public static let all: [Release] = [.installed, .debian("trixie"), .debian("sid")]

        /// The name of the suite.
        public var description: String {
            switch self {
            case .installed: "installed"
            case .debian(let suite): suite
            }
        }

        /// Whether it is a containerd 2.
        fileprivate var isSecond: Bool {
            if case .debian("sid") = self { true } else { false }
        }

        /// Where the programs are; nil for PATH.
        fileprivate func directory() throws -> String? {
            guard case .debian(let suite) = self else { return nil }
            let script = Places.package + "/bench/peer.sh"
            return String(try run("bash", [script, suite, "containerd"], deadline: .seconds(600)).outputText.dropLast()) + "/usr/bin"
        }
    }

    private let server: ServerProcess
    private let ctr: String

    /// Path of its socket.
    public let socket: String

    /// Starts containerd and waits until it answers.
    ///
    /// - Parameters:
    ///   - snapshotter: socket of the snapshotter.
    ///   - setup: what it is for.
    public init(_ release: Release = .installed, snapshotter: String, setup: ContainerdSetup = ContainerdSetup()) throws {
        try requireRoot()
        let programs = try release.directory()
        let front = programs.map { $0 + "/" } ?? ""
        let program = try requireProgram(front + "containerd")
        let ctr = try requireProgram(front + "ctr", package: "containerd")
        self.ctr = ctr
        try requireProgram("runc")
        let directory = try TemporaryDirectory(prefix: "starling-containerd-")
        // Roots of user namespaces go through it.
        chmod(directory.path, 0o711)
        let socket = directory.path + "/containerd.sock"
        self.socket = socket
        let configuration = ContainerdConfiguration(
            directory: directory.path, socket: socket, snapshotter: snapshotter, setup: setup)
        try AtomicFile.write(
            Array((release.isSecond ? configuration.second : configuration.first).utf8), to: directory.path + "/config.toml")
        // It finds its shim in PATH.
        let environment = programs.map { ["PATH=\($0):/usr/sbin:/usr/bin:/sbin:/bin"] }
        server = try ServerProcess(
            program, ["--config", directory.path + "/config.toml"], directory: directory, environment: environment
        ) {
            try Files.exists(socket)
                && Program.run(ctr, ["--address", socket, "--connect-timeout", "2s", "version"], deadline: .seconds(10)).status == 0
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
        try run(ctr, ["--address", socket] + arguments, deadline: deadline)
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

    /// Waits until it reaches the daemon, which was away: it tries the socket again only after a moment.
    public func waitForSnapshotter() throws {
        try waitUntil("containerd has found the daemon") { (try? ctr(["snapshot", "--snapshotter", "stargz", "ls"])) != nil }
    }
}
