internal import HostSystem
internal import StartTrace
internal import Threads

/// Takes down what the record of a start wants to know of the container's processes: when the runtime started, when it became the program, when
/// something was written first, and the end. Only there when a start is recorded.
final class ProcessWatch: Sendable {
    private let trace: TraceRecorder
    private let output: OutputPassage?
    private let error: OutputPassage?

    private static let interval = Duration.milliseconds(1)

    /// - Parameter seesOutput: whether output passes through us; with a terminal it does not.
    init(_ trace: TraceRecorder, seesOutput: Bool) throws(HostError) {
        self.trace = trace
        output = seesOutput ? try OutputPassage(to: 1) : nil
        error = seesOutput ? try OutputPassage(to: 2) : nil
    }

    /// Before the start: has output pass through us.
    func redirect(_ options: inout ChildProcess.Options) {
        if let output { options.output = .descriptor(output.childEnd) }
        if let error { options.error = .descriptor(error.childEnd) }
        trace.mark(.runtime)
    }

    /// After the start.
    ///
    /// - Parameter isProgram: whether the runtime has become the container's program. Asked again and again.
    func started(_ child: ChildProcess, isProgram: @escaping @Sendable () -> Bool) throws(ThreadError) {
        let trace = trace
        for passage in [output, error].compactMap({ $0 }) { try passage.start { trace.mark(.firstOutput) } }
        try NativeThread.start(name: "watch") {
            while !isProgram() { if child.hasEnded(within: ProcessWatch.interval) { return } }
            trace.mark(.program)
        }.detach()
    }

    /// After the end.
    func ended(_ status: Int32) {
        trace.markExit(status)
        output?.finish()
        error?.finish()
    }
}
