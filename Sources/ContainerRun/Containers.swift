internal import Glibc
internal import HostSystem

/// The containers below a root, as other processes than theirs see and end them.
public struct Containers: Sendable {
    /// Directory of store and state.
    public let root: String

    /// Waits look again that often.
    private static let pauseMicroseconds: useconds_t = 20_000
    /// How long a container that was killed may take to be gone: its layers are unmounted, and its directory may be large.
    private static let endPatience = Duration.seconds(30)

    /// Ends and records first what killed processes have left.
    public init(root: String) throws {
        self.root = root
        try ContainerReaper(root: root).reap()
    }

    func path(_ id: String) -> String { ContainerDirectory.path(of: id, root: root) }

    /// All that were started and not removed, the newest first.
    public func all() throws -> [ContainerSummary] {
        try ids().compactMap(summary).sorted { ($0.record.created, $0.record.id) > ($1.record.created, $1.record.id) }
    }

    private func ids() throws(HostError) -> [String] {
        let parent = ContainerDirectory.parent(root: root)
        return Files.exists(parent) ? try Files.entries(parent).filter(ContainerID.isValid) : []
    }

    private func summary(_ id: String) throws -> ContainerSummary? {
        guard let record = try ContainerDirectory.record(path(id)), let state = try ContainerDirectory.state(path(id)) else { return nil }
        // Not there before the program runs, or when it has just ended.
        let file = state.hasEnded ? nil : try? Files.read(ContainerDirectory.pidFile(path(id)), limit: 32)
        let connection = state.hasEnded ? nil : try BridgeNetwork.connection(path(id))
        return ContainerSummary(
            record: record, state: state, address: connection?.address, ports: connection?.ports ?? [],
            processID: file.flatMap { Int32(String(decoding: $0, as: UTF8.self)) })
    }

    /// The container of a name, an id, or the beginning of one.
    ///
    /// - Throws: `ContainerError.noContainer` or `.ambiguous`, or `HostError`.
    public func find(_ text: String) throws -> ContainerSummary {
        if ContainerName.isValid(text), let id = try ContainerNames(root: root).id(of: text), let found = try summary(id) { return found }
        let matches = ContainerID.isPrefix(text) ? try ids().filter { $0.hasPrefix(text) }.compactMap(summary) : []
        guard matches.count < 2 else { throw ContainerError.ambiguous(text) }
        guard let match = matches.first else { throw ContainerError.noContainer(text) }
        return match
    }

    /// What has become of a container; nil when it is not there any more.
    public func state(of container: ContainerSummary) throws -> ContainerState? { try ContainerDirectory.state(path(container.record.id)) }

    /// How a container started, as it was kept last; nil when nothing was.
    public func startRecord(of container: ContainerSummary) throws -> [UInt8]? {
        let file = ContainerDirectory.start(path(container.record.id))
        return Files.exists(file) ? try Files.read(file, limit: Containers.largestStart) : nil
    }

    /// Thousands of reads and requests with long names.
    private static let largestStart = 16 << 20

    // MARK: - Ending

    /// Sends a signal to the container's first process.
    ///
    /// Those that ask a program to do something go by the process that serves the container, which does what the kernel keeps from a first process:
    /// the default action.
    /// - Throws: `ContainerError.notRunning`, or what the runtime says.
    public func signal(_ container: ContainerSummary, _ signal: Int32) throws {
        guard container.isRunning else { throw ContainerError.notRunning(container.displayName) }
        let path = path(container.record.id)
        if SignalForwarder.usual.contains(signal), let owner = try LockedDirectory.owner(of: path) {
            guard Glibc.kill(owner, signal) == 0 || errno == ESRCH else { throw HostError.last("signal", "process \(owner)") }
            return
        }
        do {
            try ContainerRuntime(of: container.record).kill(id: container.record.id, bundle: path, signal: signal)
        } catch {
            // It may have ended while the runtime was asked.
            guard try state(of: container)?.hasEnded ?? true else { throw error }
        }
    }

    /// Asks a container to end, and when it has not after `patience`, kills it. One that has ended is no error.
    public func stop(_ container: ContainerSummary, signal: Int32? = nil, patience: Duration) throws {
        guard container.isRunning else { return }
        try self.signal(container, signal ?? container.record.stopSignal)
        if try waitForEnd(container, patience) { return }
        try kill(container)
    }

    /// Kills a container, and returns when nothing of it runs.
    public func kill(_ container: ContainerSummary) throws {
        guard container.isRunning else { return }
        try signal(container, SIGKILL)
        guard try waitForEnd(container, Containers.endPatience) else { throw ContainerError.doesNotEnd(container.displayName) }
    }

    /// Waits until a container has ended and the process that served it has let go; false when that takes longer.
    public func waitForEnd(_ container: ContainerSummary, _ patience: Duration?) throws -> Bool {
        let end = patience.map { ContinuousClock.now + $0 }
        while true {
            guard let state = try state(of: container) else { return true }
            let isOwned = try LockedDirectory.isOwned(path(container.record.id))
            if state.hasEnded, !isOwned { return true }
            // Its process was killed.
            if !isOwned { try ContainerReaper(root: root).reap() }
            if let end, ContinuousClock.now >= end { return false }
            usleep(Containers.pauseMicroseconds)
        }
    }

    /// Waits until a container has ended, however long, and returns its exit status, also when it is removed at its end.
    public func exitStatus(of container: ContainerSummary) throws -> Int32 {
        // Before it ends; it may have done so already.
        let watch = try? LockedDirectory.Watch(path(container.record.id))
        _ = try waitForEnd(container, nil)
        if let state = try state(of: container) { return state.exitStatus }
        if let word = try watch?.word.flatMap({ Int32($0) }) { return word }
        return container.state.hasEnded ? container.state.exitStatus : ContainerReaper.lostStatus
    }

    /// Removes a container that has ended, with all that it has written.
    ///
    /// - Parameter force: kills it first when it runs.
    /// - Throws: `ContainerError.isRunning`, or `HostError`.
    public func remove(_ container: ContainerSummary, force: Bool) throws {
        if container.isRunning {
            guard force else { throw ContainerError.isRunning(container.displayName) }
            try kill(container)
        }
        guard try waitForEnd(container, Containers.endPatience) else { throw ContainerError.doesNotEnd(container.displayName) }
        guard try state(of: container) != nil else { return }
        let directory = try ContainerDirectory(existing: container.record.id, root: root)
        if let name = container.record.name { try ContainerNames(root: root).release(name, of: container.record.id) }
        try directory.remove()
    }

    /// Takes over a container that has ended, to start it again in this process.
    ///
    /// - Throws: `ContainerError.isRunning`, or `HostError`.
    public func restart(_ container: ContainerSummary) throws -> Container {
        guard !container.isRunning else { throw ContainerError.isRunning(container.displayName) }
        return try Container(again: container.record, root: root)
    }
}

extension ContainerSummary {
    /// As people know it: its name, else its short id.
    public var displayName: String { record.name ?? String(record.id.prefix(ContainerID.shortLength)) }
}
