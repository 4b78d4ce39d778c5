import Glibc
import HostSystem

/// Ctrl-C and SIGTERM as cancellation of a task, so that everything it owns is removed before the process ends.
enum Interruption {
    /// The task was cancelled by a signal.
    struct Interrupted: Error, CustomStringConvertible {
        let signal: Int32
        var description: String { "interrupted by signal \(signal)" }
    }

    /// Runs `body`; the first signal cancels it and is then told as an error.
    static func cancels<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let signals = try SignalForwarder([SIGINT, SIGTERM, SIGHUP])
        let task = Task { try await body() }
        signals.deliver { _ in task.cancel() }
        do {
            return try await task.value
        } catch {
            if let signal = signals.endRequested { throw Interrupted(signal: signal) }
            throw error
        }
    }
}
