internal import Glibc
internal import HostSystem
internal import Synchronization

/// A container's first process: the runtime as our child, signals passed on.
final class ContainerProcess: Sendable {
    private let directory: ContainerDirectory
    private let runtime: ContainerRuntime
    private let terminal: Bool
    private let isBackground: Bool
    private let child = Mutex<ChildProcess?>(nil)
    /// The signal whose default action we had to do for the kernel.
    private let endedBy = Mutex<Int32?>(nil)

    /// How it ended.
    struct Result {
        let status: Int32
        /// Whether the program ran at all.
        let hasStarted: Bool
    }

    init(_ directory: ContainerDirectory, _ runtime: ContainerRuntime, terminal: Bool, isBackground: Bool = false) {
        self.directory = directory
        self.runtime = runtime
        self.terminal = terminal
        self.isBackground = isBackground
    }

    /// Starts it. Once.
    func start(input: ChildProcess.Stream, output: ChildProcess.Stream, error: ChildProcess.Stream) throws(HostError) {
        // With our terminal the runtime must be in the foreground process group to set it up. Without it gets a group of its own:
        // a Ctrl-C would reach it twice otherwise, from the terminal and from us.
        let started = try ChildProcess(
            runtime.program, runtime.runArguments(directory),
            ChildProcess.Options(
                input: input, output: output, error: error, newProcessGroup: !terminal || isBackground,
                hiddenDirectory: runtime.hiddenDirectory))
        child.withLock { $0 = started }
    }

    /// Waits until the program runs, or has run; false when it could not be started. Looks again and again.
    func waitUntilRunning(every interval: Duration = .milliseconds(5)) throws(HostError) -> Bool {
        guard let child = child.withLock({ $0 }) else { return false }
        while !child.hasEnded(within: interval) { if firstProcess(of: child) != nil { return true } }
        return try result(of: child).hasStarted
    }

    /// Waits for the end.
    func wait(_ signals: SignalForwarder?) throws(HostError) -> Result {
        guard let child = child.withLock({ $0 }) else { return Result(status: 125, hasStarted: false) }
        signals?.deliver { [weak child] signal in
            if let child { self.pass(signal, to: child) }
        }
        let result = try result(of: child)
        signals?.deliver { _ in }
        return result
    }

    /// Its terminal has got another size; the container's own gets it, too.
    func resized(to size: ConsoleSize) {
        size.give(toProcessIn: directory.pidFile)
        child.withLock { $0 }?.kill(SIGWINCH)
    }

    private func result(of child: ChildProcess) throws(HostError) -> Result {
        let status = try child.wait()
        if let signal = endedBy.withLock({ $0 }), status == 128 + SIGKILL { return Result(status: 128 + signal, hasStarted: true) }
        guard status != 0, let failure = RuntimeFailure(logFile: directory.runtimeLog) else {
            return Result(status: status, hasStarted: true)
        }
        return Result(status: failure.exitStatus, hasStarted: false)
    }

    /// The runtime passes signals to the container's first process. The kernel keeps from that process what it has no handler for,
    /// as it does for every init, so that a plain `sleep` would outlive any Ctrl-C: then we do what the default action would have.
    private func pass(_ signal: Int32, to child: ChildProcess) {
        if signal == SIGWINCH, terminal { return resized(to: .ours) }
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
        FirstProcess(pidFile: directory.pidFile, parent: child.processID).flatMap { $0.isRuntime ? nil : $0 }
    }
}
