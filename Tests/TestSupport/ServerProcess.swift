import Glibc
public import HostSystem

/// A server for the length of a test: its process, its directory, its log. All gone with the owner.
public final class ServerProcess: Sendable {
    /// Directory of its own, removed at the end.
    public let directory: TemporaryDirectory
    private let process: ChildProcess
    private let name: String

    /// Starts a server and waits until it is ready.
    ///
    /// - Parameters:
    ///   - directory: what it may write to.
    ///   - isReady: asked until it says yes; false again and again for 20 s fails with the log's end.
    public init(
        _ program: String, _ arguments: [String], directory: TemporaryDirectory, environment: [String]? = nil,
        isReady: () throws -> Bool
    ) throws {
        self.directory = directory
        name = program
        let log = open(directory.path + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw HostError.last("open", directory.path + "/log") }
        defer { close(log) }
        // A group of its own: it is we who end it, not a Ctrl-C that reaches it before its clients.
        process = try ChildProcess(
            program, arguments,
            ChildProcess.Options(
                environment: environment, input: .null, output: .descriptor(log), error: .descriptor(log), newProcessGroup: true))
        Guardian.shared.add(process.processID)
        try waitUntilReady(isReady)
    }

    deinit { stop() }

    /// Process id.
    public var processID: Int32 { process.processID }

    /// What it has printed so far.
    public var log: String {
        // A log that cannot be read is an empty one: it is only shown to people.
        String(decoding: (try? Files.read(directory.path + "/log", limit: 64 << 20)) ?? [], as: UTF8.self)
    }

    /// Whether it has ended.
    public var hasEnded: Bool { process.hasEnded() }

    /// Sends a signal.
    public func kill(_ signal: Int32) { process.kill(signal) }

    /// Waits for its end and returns its exit status; nil when it still runs after that time.
    public func wait(for duration: Duration) throws -> Int32? { try process.wait(for: duration) }

    /// Ends it: SIGTERM, after five seconds SIGKILL. The directory stays until the owner goes.
    public func stop() {
        // What cannot be ended is the guardian's.
        guard (try? process.terminate()) != nil else { return }
        Guardian.shared.remove(process.processID)
    }

    private func waitUntilReady(_ isReady: () throws -> Bool) throws {
        do {
            try waitUntil("\(name) is ready") {
                if process.hasEnded() { throw TestFailure("\(name) ended while starting") }
                return try isReady()
            }
        } catch {
            throw TestFailure("\(error); its log ends with: \(log.suffix(2000))")
        }
    }
}
