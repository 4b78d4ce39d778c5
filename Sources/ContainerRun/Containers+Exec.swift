internal import Glibc
public import HostSystem
internal import OCI

/// What the command line says of another process in a running container.
public struct ExecSettings: Sendable {
    /// Program and arguments.
    public var command: [String]
    /// `NAME=value` entries over the container's.
    public var environment: [String] = []
    /// `user[:group]` in place of the container's.
    public var user: String?
    /// Working directory in place of the container's.
    public var workingDirectory: String?
    /// Whether it gets a terminal; ours must be one.
    public var terminal = false
    /// Whether our standard input is its.
    public var readsInput = false
    /// Whether it has every capability.
    public var isPrivileged = false
    /// Whether it goes on behind us.
    public var detaches = false

    /// A command.
    public init(command: [String]) { self.command = command }
}

extension Containers {
    /// Enters the user and mount namespaces of whoever serves a container: only there an ordinary user may send a process into it.
    ///
    /// To be called first thing in `main`: the process must have only one thread.
    /// - Throws: `ContainerError.notRunning`, or `HostError`.
    public func enterNamespaces(of container: ContainerSummary) throws {
        guard container.isRunning, let owner = try LockedDirectory.owner(of: path(container.record.id)) else {
            throw ContainerError.notRunning(container.displayName)
        }
        try UserNamespace.join(owner)
    }

    /// Runs another process in a running container, to its end unless it is to go on behind us.
    ///
    /// - Returns: its exit code; 125 when the runtime failed, and then it has said why.
    /// - Throws: `ContainerError`, which knows its exit status, or `HostError`.
    public func exec(_ container: ContainerSummary, _ settings: ExecSettings, signals: SignalForwarder) throws -> Int32 {
        guard container.isRunning, let process = container.processID else { throw ContainerError.notRunning(container.displayName) }
        if settings.terminal, !settings.detaches, isatty(1) == 0 || settings.readsInput && isatty(0) == 0 {
            throw ContainerError.noTerminal
        }
        let path = path(container.record.id)
        let files = path + "/exec-" + RandomName.make()
        defer {
            // The container, and these with it, may be removed meanwhile.
            for suffix in [".json", ".log", ".pid"] { try? Files.remove(files + suffix) }
        }
        let document = try ExecProcess(
            config: path + "/config.json", inside: RootedDirectory("/proc/\(process)/root"), container: container.displayName
        ).document(settings)
        try AtomicFile.write(document, to: files + ".json", mode: 0o600, durably: false)
        let runtime = try ContainerRuntime(of: container.record)
        let input: ChildProcess.Stream = settings.readsInput && !settings.detaches ? .inherit : .null
        let output: ChildProcess.Stream = settings.detaches ? .null : .inherit
        let child = try ChildProcess(
            runtime.program,
            runtime.execArguments(
                id: container.record.id, bundle: path, process: files + ".json", log: files + ".log", pidFile: files + ".pid",
                detaches: settings.detaches),
            ChildProcess.Options(
                input: input, output: output, newProcessGroup: !settings.terminal, hiddenDirectory: runtime.hiddenDirectory))
        signals.deliver { [weak child, terminal = settings.terminal] signal in
            if signal == SIGWINCH, terminal { ConsoleSize.ours.give(toProcessIn: files + ".pid") }
            child?.kill(signal)
        }
        let status = try child.wait()
        signals.deliver { _ in }
        guard status != 0, let failure = RuntimeFailure(logFile: files + ".log") else { return status }
        return failure.exitStatus
    }
}

/// The document of another process in a container, made of that of its first one.
struct ExecProcess {
    /// The container's configuration.
    let config: String
    /// The container's root file system, as it sees it.
    let inside: RootedDirectory
    /// For messages.
    let container: String

    func document(_ settings: ExecSettings) throws -> [UInt8] {
        let bytes = try Files.read(config, limit: Documents.maximumSize)
        guard var process = try Documents.decode(JSONValue.self, from: bytes, what: config)["process"] else {
            throw HostError.malformed(path: config, reason: "no \"process\"")
        }
        let environment = ContainerSpec.merged(
            settings.terminal ? ["TERM=xterm"] : [], process["env"]?.array?.compactMap(\.string) ?? [], settings.environment)
        let directory = settings.workingDirectory ?? process["cwd"]?.string ?? "/"
        guard directory.hasPrefix("/") else { throw ContainerError.workingDirectory(directory, image: container) }
        let path = environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst("PATH=".utf8.count)) }
        try ContainerProgram(settings.command.first ?? "", workingDirectory: directory, path: path).check(in: inside, image: container)
        process["args"] = .strings(settings.command)
        process["env"] = .strings(environment)
        process["cwd"] = .string(directory)
        process["terminal"] = .bool(settings.terminal)
        process["consoleSize"] = settings.terminal ? ConsoleSize.ours.json : nil
        if let user = settings.user { process["user"] = try ContainerUser(user, image: container, root: inside).json }
        process["capabilities"] = try capabilities(of: process, settings)
        return Documents.encode(process)
    }

    /// The container's bound, or all; a user who is not root has nothing but the bound.
    private func capabilities(of process: JSONValue, _ settings: ExecSettings) throws -> JSONValue {
        let bound = process["capabilities"]?["bounding"]?.array?.compactMap(\.string) ?? []
        let all =
            settings.isPrivileged ? Capabilities.granted(Set(Capabilities.all), by: try Machine.current().boundingCapabilities) : bound
        return Capabilities.json(all, isRoot: process["user"]?["uid"] == .integer(0))
    }
}
