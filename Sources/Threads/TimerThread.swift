/// A thread that runs pieces of work one after the other, now or later; it sleeps while there are none.
public final class TimerThread: Sendable {
    private struct State {
        /// By time, and by order of arrival at the same time.
        var waiting: [(time: ContinuousClock.Instant, work: @Sendable () -> Void)] = []
        var isEnding = false
    }

    private enum Next {
        case work(@Sendable () -> Void)
        case end
    }

    private let state: Monitor<State>
    private let thread: NativeThread

    /// Starts the thread.
    ///
    /// - Throws: `ThreadError`.
    public init(name: String) throws(ThreadError) {
        let state = Monitor(State())
        self.state = state
        thread = try NativeThread.start(name: name) {
            while true {
                switch TimerThread.next(state) {
                case .work(let work): work()
                case .end: return
                }
            }
        }
    }

    /// Runs `work` on the thread when the time has passed; never after `shutdown`.
    public func run(after delay: Duration = .zero, _ work: @escaping @Sendable () -> Void) {
        let time = ContinuousClock.now + delay
        state.update { state in
            guard !state.isEnding else { return }
            let place = state.waiting.firstIndex { $0.time > time } ?? state.waiting.count
            state.waiting.insert((time, work), at: place)
        }
    }

    /// Drops what waits, lets what runs come to its end, and ends the thread. Not from the thread itself; once.
    public func shutdown() {
        state.update { state in
            state.isEnding = true
            state.waiting = []
        }
        thread.join()
    }

    private static func next(_ state: Monitor<State>) -> Next {
        while true {
            let next = state.wait(until: { $0.waiting.first?.time }) { state -> Next? in
                if state.isEnding { return .end }
                guard let first = state.waiting.first, first.time <= .now else { return nil }
                return .work(state.waiting.removeFirst().work)
            }
            if let next { return next }
        }
    }
}
