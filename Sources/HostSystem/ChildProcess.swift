internal import CLinux
internal import Glibc
internal import Synchronization

/// A program that was started, until it has ended and was waited for.
///
/// Owner: a child still running at `deinit` is killed (SIGKILL) and reaped, so none is left behind.
public final class ChildProcess: Sendable {
    /// Process id; its own until the child was waited for.
    public let processID: Int32
    /// Program that runs, for messages.
    public let program: String
    /// Becomes readable when the child has ended (pidfd_open(2)).
    private let endDescriptor: Int32
    /// Exit status once reaped. Signals are sent with this held, so that they never reach a stranger with a reused id.
    private let status = Mutex<Int32?>(nil)
    private let isReleased = Mutex(false)

    /// Starts a program; its file descriptors are the three of `options` and no others.
    ///
    /// - Parameters:
    ///   - program: path, or a name that is looked up in PATH.
    ///   - arguments: without the program's own name.
    public init(_ program: String, _ arguments: [String], _ options: Options = Options()) throws(HostError) {
        let path = try Paths.executable(program)
        let null = try options.openNullIfNeeded()
        defer { if null >= 0 { close(null) } }
        let standard = [options.input.descriptor(0, null), options.output.descriptor(1, null), options.error.descriptor(2, null)]
        var process = pid_t()
        let argv = CStringArray([program] + arguments)
        let environment = CStringArray(options.environment ?? ChildProcess.currentEnvironment())
        let code = starling_spawn(
            &process, path, argv.pointers, environment.pointers, options.workingDirectory, standard, options.newProcessGroup ? 1 : 0,
            options.hiddenDirectory)
        guard code == 0 else { throw .call(operation: "start", path: path, code: code) }
        processID = process
        self.program = path
        endDescriptor = starling_pidfd_open(process)
        guard endDescriptor >= 0 else {
            let error = HostError.last("watch", path)
            _ = Glibc.kill(process, SIGKILL)
            waitpid(process, nil, 0)
            status.withLock { $0 = 128 + SIGKILL }
            throw error
        }
    }

    deinit {
        if endDescriptor >= 0 {
            if !isReleased.withLock({ $0 }) {
                kill(SIGKILL)
                _ = reap(blocking: true)
            }
            close(endDescriptor)
        }
    }

    /// From now on nobody owns it: it goes on when this object ends.
    public func release() { isReleased.withLock { $0 = true } }

    /// Waits for the end: the exit code, or 128 + the signal that killed the child, as shells say it. May be asked again.
    public func wait() throws(HostError) -> Int32 {
        while true { if let status = try wait(milliseconds: -1) { return status } }
    }

    /// Waits at most that long; nil when the child still runs.
    public func wait(for duration: Duration) throws(HostError) -> Int32? {
        let (seconds, attoseconds) = duration.components
        return try wait(milliseconds: Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }

    /// Whether it has ended or ends within that time.
    public func hasEnded(within duration: Duration = .zero) -> Bool {
        // A failing wait leaves nothing to wait for.
        do { return try wait(for: duration) != nil } catch { return true }
    }

    /// Sends a signal; nothing happens when the child has ended.
    public func kill(_ signal: Int32) {
        status.withLock { if $0 == nil { _ = Glibc.kill(processID, signal) } }
    }

    /// Asks with SIGTERM, and when that did not help in `patience`, ends with SIGKILL. Returns the exit status.
    @discardableResult
    public func terminate(patience: Duration = .seconds(5)) throws(HostError) -> Int32 {
        kill(SIGTERM)
        if let status = try wait(for: patience) { return status }
        kill(SIGKILL)
        return try wait()
    }

    private func wait(milliseconds: Int32) throws(HostError) -> Int32? {
        if let status = reap(blocking: false) { return status }
        var descriptor = pollfd(fd: endDescriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, milliseconds) >= 0 || errno == EINTR else { throw .last("wait for", program) }
        return reap(blocking: false)
    }

    private func reap(blocking: Bool) -> Int32? {
        status.withLock { status in
            if let status { return status }
            var raw: Int32 = 0
            var result: pid_t
            repeat { result = waitpid(processID, &raw, blocking ? 0 : WNOHANG) } while result < 0 && errno == EINTR
            if result == processID {
                // Encoding of wait(2): low seven bits the signal, next byte the exit code.
                status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + (raw & 0x7f)
            } else if result < 0 {
                // Reaped by somebody else (ECHILD): the status is lost, the child is gone.
                status = 255
            }
            return status
        }
    }

    /// Our environment with these variables in place of ours of the same names, for `Options`.
    public static func environment(with variables: [String: String]) -> [String] {
        let kept = currentEnvironment().filter { entry in variables[String(entry.prefix { $0 != "=" })] == nil }
        return kept + variables.map { "\($0.key)=\($0.value)" }
    }

    private static func currentEnvironment() -> [String] {
        var entry = environ
        var result: [String] = []
        while let text = entry.pointee {
            result.append(String(cString: text))
            entry += 1
        }
        return result
    }
}
