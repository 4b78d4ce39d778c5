import ContainerRun
import Glibc
import HostSystem
import Synchronization
import Threads

/// A container that runs for as long as it takes to see what it needs.
struct Workload: Sendable {
    let settings: ContainerSettings
    /// How long it runs at most; nil for as long as it likes.
    let period: Duration?
    /// What it prints when it is ready, somewhere in a line of its standard output; nil when it does not say.
    let readyLine: String?

    /// From asking it to end to ending it, as docker's.
    private static let grace = Duration.seconds(10)

    /// What came of it.
    struct Outcome: Sendable {
        var exitStatus: Int32
        /// Whether it was ended from here, and not by itself.
        var wasEnded: Bool
    }

    /// Runs it to its end, or until it was seen long enough.
    func run(_ image: RunImage.Prepared, name: String, runner: ContainerRunner, signals: SignalForwarder) async throws -> Outcome {
        let end = SharedEnd(signals)
        let output = try readyLine.map { line in try OutputWatch(line) { end.ask() } }
        let timer = Task { [period] in
            guard let period else { return }
            try await Task.sleep(for: period)
            end.ask()
        }
        defer {
            timer.cancel()
            end.stop()
        }
        let status: Int32
        do {
            status = try await BlockingTask.run { [settings] in
                try runner.run(
                    image.config, name: name, lowerDirectories: image.lowerDirectories, settings: settings, signals: signals)
            }
        } catch {
            output?.end()
            throw error
        }
        output?.end()
        return Outcome(exitStatus: status, wasEnded: end.isAsked)
    }

    /// Ends a container once: by asking, and a while later by force.
    private final class SharedEnd: Sendable {
        private let signals: SignalForwarder
        private let force = Mutex<Task<Void, Never>?>(nil)
        private let asked = Atomic<Bool>(false)

        init(_ signals: SignalForwarder) { self.signals = signals }

        var isAsked: Bool { asked.load(ordering: .relaxed) }

        func ask() {
            guard !asked.exchange(true, ordering: .relaxed) else { return }
            signals.raise(SIGTERM)
            force.withLock {
                $0 = Task { [signals] in
                    do { try await Task.sleep(for: Workload.grace) } catch { return }
                    signals.raise(SIGKILL)
                }
            }
        }

        func stop() { force.withLock { $0?.cancel() } }
    }
}
