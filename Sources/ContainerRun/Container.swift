internal import Glibc
public import HostSystem
public import OCI
public import StartTrace
internal import Synchronization

/// A container that this process serves: from before its image is open until it has ended.
public final class Container: Sendable {
    /// What a container is called, and what is to become of it.
    public struct Identity: Sendable {
        /// 64 hexadecimal digits.
        public var id = ContainerID.make()
        /// As people call it.
        public var name: String?
        /// Full reference of the image, also for messages.
        public var image: String
        /// Labels of the command line.
        public var labels: [String: String] = [:]
        /// Whether it is removed when it ends.
        public var removesAtEnd = true
        /// The words of the command line by which it is started again.
        public var arguments: [String] = []

        /// A container that is forgotten when it ends.
        public init(image: String) { self.image = image }
    }

    /// An image's root file system, in directories.
    public struct RootFileSystem: Sendable {
        /// Configuration of the image.
        public var config: ImageConfig
        /// Digest of its manifest.
        public var digest: String
        /// The layers, topmost first.
        public var lowerDirectories: [String]

        /// Names all of it.
        public init(config: ImageConfig, digest: String, lowerDirectories: [String]) {
            self.config = config
            self.digest = digest
            self.lowerDirectories = lowerDirectories
        }
    }

    /// Its id, whole.
    public var id: String { identity.id }

    /// Directory for the lazy layers' own mounts.
    public var lazyDirectory: String { directory.path }

    let directory: ContainerDirectory
    let runtime: ContainerRuntime
    let root: String
    let identity: Identity
    /// Of one that is started again; nil for a new one.
    let earlier: ContainerRecord?
    private let progress = Mutex(Progress())

    private struct Progress {
        var hasStarted = false
        var hasEnded = false
    }

    /// Makes a new container's directory, and takes its name.
    init(_ identity: Identity, root: String, runtime: ContainerRuntime) throws {
        (self.identity, self.root, self.runtime) = (identity, root, runtime)
        earlier = nil
        directory = try ContainerDirectory(id: identity.id, root: root)
        do {
            if let name = identity.name { try ContainerNames(root: root).take(name, for: identity.id) }
        } catch {
            try? directory.remove()
            throw error
        }
    }

    /// Takes over one that has ended, to be started again.
    init(again record: ContainerRecord, root: String) throws {
        self.root = root
        runtime = try ContainerRuntime(record.runtime)
        earlier = record
        var identity = Identity(image: record.image)
        (identity.id, identity.name, identity.removesAtEnd) = (record.id, record.name, record.removesAtEnd)
        self.identity = identity
        directory = try ContainerDirectory(existing: record.id, root: root)
    }

    deinit {
        // The way out after an error that nobody handled; the next command's reaper comes after it.
        try? end()
    }

    /// Runs the container in the foreground, to its end: our standard streams are its.
    ///
    /// - Parameters:
    ///   - signals: made at the program's beginning; each signal is passed on to the container.
    ///   - trace: who takes down what takes how long, and when the container first writes something; nil for nobody.
    ///   - onStart: called once, right before the runtime starts.
    /// - Returns: the container's exit code; 128 + n when a signal ended it; 125 when the runtime failed, and then it has said why.
    /// - Throws: `ContainerError`, which knows its exit status, or `HostError`.
    public func run(
        _ image: RootFileSystem, _ settings: ContainerSettings, signals: SignalForwarder?, trace: TraceRecorder? = nil,
        onStart: () -> Void = {}
    ) throws -> Int32 {
        if settings.terminal, isatty(1) == 0 || settings.readsInput && isatty(0) == 0 { throw ContainerError.noTerminal }
        let missing = try prepare(image, settings, keepsLog: false, trace)
        onStart()
        let process = ContainerProcess(directory, runtime, terminal: settings.terminal)
        let watch = try trace.map { try ProcessWatch($0, seesOutput: !settings.terminal) }
        try process.start(
            input: settings.readsInput ? .inherit : .null, output: watch?.output ?? .inherit, error: watch?.error ?? .inherit)
        try watch?.started(process)
        if let missing, try process.waitUntilRunning(every: .milliseconds(1)) { keep(missing) }
        let result = try process.wait(signals)
        watch?.ended(result.status)
        return try finish(result)
    }

    /// Runs the container in the background, to its end: its output goes to its log, and to who attaches to it.
    ///
    /// - Parameters:
    ///   - trace: as of the other.
    ///   - onRunning: called once, when the program runs; not when it cannot be started.
    /// - Returns and throws: as the other.
    public func run(
        _ image: RootFileSystem, _ settings: ContainerSettings, signals: SignalForwarder, trace: TraceRecorder? = nil,
        onRunning: () throws -> Void
    ) throws -> Int32 {
        let missing = try prepare(image, settings, keepsLog: true, trace)
        let process = ContainerProcess(directory, runtime, terminal: settings.terminal, isBackground: true)
        let streams = try ContainerStreams(
            terminal: settings.terminal, readsInput: settings.readsInput, log: ContainerLog(path: directory.logFile),
            socket: directory.socket, trace: trace
        ) { process.resized(to: $0) }
        do {
            defer { streams.started() }
            trace?.mark(.runtime)
            try process.start(input: streams.input, output: streams.output, error: streams.error)
        } catch {
            streams.finish()
            throw error
        }
        let result: ContainerProcess.Result
        do {
            defer { streams.finish() }
            if try process.waitUntilRunning() {
                trace?.mark(.program)
                try onRunning()
                if let missing { keep(missing) }
            }
            result = try process.wait(signals)
            trace?.markExit(result.status)
        }
        if !result.hasStarted { try sayWhy() }
        return try finish(result)
    }

    /// Keeps the filter that the runtime has compiled; without it the next container is as slow.
    private func keep(_ filter: CompiledFilters.Name) {
        try? filters?.keep(filter, of: directory)
    }

    /// Nil for a runtime that takes none.
    var filters: CompiledFilters? { CompiledFilters(root: root, runtime) }

    /// Keeps how it started, in place of what was kept before.
    public func keepStart(_ record: [UInt8]) throws { try directory.writeStart(record) }

    /// Removes what a container that has ended leaves behind, and itself when that is to be; one that was never started leaves nothing.
    public func end() throws {
        let (isFirst, hasStarted) = progress.withLock { progress in
            defer { progress.hasEnded = true }
            return (!progress.hasEnded, progress.hasStarted)
        }
        guard isFirst else { return }
        defer { directory.letGo() }
        try directory.settle(runtime)
        guard identity.removesAtEnd || !hasStarted && earlier == nil else { return }
        if let name = identity.name { try ContainerNames(root: root).release(name, of: identity.id) }
        try directory.remove()
    }

    private func finish(_ result: ContainerProcess.Result) throws -> Int32 {
        progress.withLock { $0.hasStarted = result.hasStarted }
        try runtime.delete(id: directory.id, bundle: directory.path)
        try Mounts.unmountAll(below: directory.rootfs)
        var state = try ContainerDirectory.state(directory.path) ?? ContainerState(started: .now)
        (state.hasEnded, state.exitStatus, state.finished) = (true, result.status, .now)
        try directory.write(state)
        if identity.removesAtEnd { try directory.say(exitStatus: result.status) }
        return result.status
    }

    /// The runtime has said on its standard error, which is the log, why nothing could be started.
    private func sayWhy() throws {
        let lines = try ContainerLogReader(path: directory.logFile).next().map(\.text).joined()
        guard let line = lines.split(separator: "\n").last else { return }
        throw ContainerError.notStarted(reason: String(line), exitStatus: RuntimeFailure(logFile: directory.runtimeLog)?.exitStatus ?? 125)
    }
}
