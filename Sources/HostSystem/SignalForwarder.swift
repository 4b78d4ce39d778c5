internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// Takes the signals that ask a program to do something, for as long as it lives; one at a time in a process.
///
/// Handlers (not a blocked mask) write each signal into a pipe that a thread reads, so it does not matter which threads run already.
/// Signals that arrive before there is a receiver wait and are delivered to it. SIGKILL and SIGSTOP cannot be taken.
public final class SignalForwarder: Sendable {
    /// What is taken unless said otherwise: everything that people send to a foreground program on purpose.
    public static let usual: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH]

    private let state: State
    private let signals: [Int32]
    private let writer: Int32
    private let reader: Int32
    private let thread: NativeThread

    /// Begins to take `signals`.
    public init(_ signals: [Int32] = SignalForwarder.usual) throws(HostError) {
        let (reader, writer) = try Pipe.make("(signals)")
        // A handler must never wait.
        guard fcntl(writer, F_SETFL, O_NONBLOCK) == 0, starling_signals_to_pipe(signals, Int32(signals.count), writer) == 0 else {
            let error = HostError.last("take", "(signals)")
            close(reader)
            close(writer)
            throw error
        }
        let state = State()
        self.state = state
        self.signals = signals
        self.reader = reader
        self.writer = writer
        do {
            thread = try NativeThread.start(name: "signals") { SignalForwarder.read(reader, into: state) }
        } catch {
            throw .call(operation: "start a thread", path: "(signals)", code: error.code)
        }
    }

    deinit {
        starling_signals_default(signals, Int32(signals.count))
        _ = starling_signals_to_pipe([], 0, -1)
        close(writer)
        thread.join()
        close(reader)
    }

    /// Calls `receiver` for each signal from now on, those that wait first, on the forwarder's thread.
    public func deliver(to receiver: @escaping @Sendable (Int32) -> Void) {
        let waiting = state.contents.withLock { contents in
            defer { contents.waiting = [] }
            contents.receiver = receiver
            return contents.waiting
        }
        waiting.forEach(receiver)
    }

    /// Has a signal delivered that nobody sent; it asks for no end.
    public func raise(_ signal: Int32) { state.contents.withLock(\.receiver)?(signal) }

    /// The first signal so far that asks for an end (INT, TERM, HUP or QUIT); nil when there was none.
    public var endRequested: Int32? { state.contents.withLock(\.end) }

    /// Reads the pipe until its writing end is closed.
    private static func read(_ reader: Int32, into state: State) {
        var byte: UInt8 = 0
        while true {
            let count = Glibc.read(reader, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return }
            state.receive(Int32(byte))
        }
    }

    private final class State: Sendable {
        struct Contents {
            var receiver: (@Sendable (Int32) -> Void)?
            var waiting: [Int32] = []
            var end: Int32?
        }
        let contents = Mutex(Contents())

        func receive(_ signal: Int32) {
            let receiver = contents.withLock { contents in
                if contents.end == nil, [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(signal) { contents.end = signal }
                if contents.receiver == nil { contents.waiting.append(signal) }
                return contents.receiver
            }
            receiver?(signal)
        }
    }
}
