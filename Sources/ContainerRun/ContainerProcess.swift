internal import Glibc
internal import HostSystem
internal import Synchronization

/// A container in the foreground: the runtime as our child, our standard streams, our signals passed on.
final class ContainerProcess: Sendable {
    private let bundle: ContainerBundle
    private let runtime: ContainerRuntime
    private let settings: ContainerSettings
    /// The signal whose default action we had to do for the kernel.
    private let endedBy = Mutex<Int32?>(nil)

    init(bundle: ContainerBundle, runtime: ContainerRuntime, settings: ContainerSettings) {
        self.bundle = bundle
        self.runtime = runtime
        self.settings = settings
    }

    /// Runs the container to its end and returns its exit status.
    func run(_ signals: SignalForwarder?) throws(HostError) -> Int32 {
        // With a terminal the runtime must be in the foreground process group to set it up. Without one it gets a group of its own:
        // a Ctrl-C would reach it twice otherwise, from the terminal and from us.
        let child = try ChildProcess(
            runtime.program, runtime.runArguments(bundle),
            ChildProcess.Options(input: settings.readsInput ? .inherit : .null, newProcessGroup: !settings.terminal))
        signals?.deliver { [weak child] signal in
            if let child { self.pass(signal, to: child) }
        }
        let status = try child.wait()
        signals?.deliver { _ in }
        if let signal = endedBy.withLock({ $0 }), status == 128 + SIGKILL { return 128 + signal }
        guard status != 0, let failure = RuntimeFailure(log: (try? Files.read(bundle.logFile, limit: 1 << 20)) ?? []) else { return status }
        return failure.exitStatus
    }

    /// The runtime passes signals to the container's first process. The kernel keeps from that process what it has no handler for,
    /// as it does for every init, so that a plain `sleep` would outlive any Ctrl-C: then we do what the default action would have.
    private func pass(_ signal: Int32, to child: ChildProcess) {
        // Looked at before: a program that handles the signal may be ending a moment later, with its handlers taken down.
        var first = firstProcess(of: child)
        child.kill(signal)
        guard [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(signal) else { return }
        // The program may not have been started yet; the runtime keeps the signal for it.
        for _ in 0..<10 where first == nil {
            if child.hasEnded(within: .milliseconds(50)) { return }
            first = firstProcess(of: child)
        }
        guard let first, first.discards(signal) else { return }
        endedBy.withLock { $0 = signal }
        kill(first.processID, SIGKILL)
    }

    /// The container's first process, once it is the program and the runtime no more.
    private func firstProcess(of child: ChildProcess) -> FirstProcess? {
        FirstProcess(pidFile: bundle.pidFile, parent: child.processID).flatMap { $0.isRuntime ? nil : $0 }
    }
}

/// A container's first process, as /proc shows it.
struct FirstProcess {
    let processID: Int32
    private let status: String

    /// The process of a pid file; nil when it is not, or no longer, a child of the runtime.
    init?(pidFile: String, parent: Int32) {
        guard let bytes = try? Files.read(pidFile, limit: 32), let id = Int32(String(decoding: bytes, as: UTF8.self)),
            let status = try? Files.read("/proc/\(id)/status", limit: 64 << 10)
        else { return nil }
        self.init(processID: id, status: String(decoding: status, as: UTF8.self))
        guard field("PPid") == String(parent) else { return nil }
    }

    init(processID: Int32, status: String) {
        self.processID = processID
        self.status = status
    }

    /// Whether the signal has its default action there, which the kernel does not do for the first process of a namespace.
    ///
    /// A blocked signal is waited for by other means, an ignored one is not wanted (proc_pid_status(5)).
    func discards(_ signal: Int32) -> Bool {
        ["SigCgt", "SigIgn", "SigBlk"].allSatisfy { name in
            guard let mask = field(name).flatMap({ UInt64($0, radix: 16) }) else { return false }
            return mask >> UInt64(signal - 1) & 1 == 0
        }
    }

    /// Whether the runtime has not become the program yet, by the names that runc and crun have until then.
    var isRuntime: Bool { field("Name").map { $0.hasPrefix("runc:[") || $0 == "crun" } ?? true }

    private func field(_ name: String) -> String? {
        status.split(separator: "\n").first { $0.hasPrefix(name + ":") }.map {
            $0.dropFirst(name.utf8.count + 1).drop(while: \.isWhitespace).description
        }
    }
}
