internal import HostSystem
internal import StartTrace
internal import Threads

/// Takes down what the record of a start wants to know of the container's processes: when the runtime started, when it became the program, when
/// something was written first, and the end. Only there when a start is recorded.
final class ProcessWatch: Sendable {
    private let trace: TraceRecorder
    private let outputs: OutputPassage?
    private let errors: OutputPassage?

    /// - Parameter seesOutput: whether output passes through us; with a terminal it does not.
    init(_ trace: TraceRecorder, seesOutput: Bool) throws(HostError) {
        self.trace = trace
        outputs = seesOutput ? try OutputPassage(to: 1) : nil
        errors = seesOutput ? try OutputPassage(to: 2) : nil
        trace.mark(.runtime)
    }

    /// What the runtime is to be started with.
    var output: ChildProcess.Stream { outputs.map { .descriptor($0.childEnd) } ?? .inherit }
    var error: ChildProcess.Stream { errors.map { .descriptor($0.childEnd) } ?? .inherit }

    /// After the start.
    func started(_ process: ContainerProcess) throws(ThreadError) {
        let trace = trace
        for passage in [outputs, errors].compactMap({ $0 }) { try passage.start { trace.mark(.firstOutput) } }
        try NativeThread.start(name: "watch") {
            // What keeps the container from running is told by who waits for its end.
            if (try? process.waitUntilRunning(every: .milliseconds(1))) == true { trace.mark(.program) }
        }.detach()
    }

    /// After the end.
    func ended(_ status: Int32) {
        trace.markExit(status)
        outputs?.finish()
        errors?.finish()
    }
}
