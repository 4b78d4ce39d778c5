internal import Glibc
internal import Synchronization

/// A read that waits for some chunks; answered once, by whoever brings the last of them or fails first.
final class PendingRead: Sendable {
    private let state: Mutex<State>
    private let started = MonotonicClock.nanoseconds()

    private struct State {
        var missing: Int
        var completion: (@Sendable (Result<Void, any Error>) -> Void)?
    }

    /// Waits for `missing` chunks, at least one.
    init(missing: Int, completion: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        state = Mutex(State(missing: missing, completion: completion))
    }

    /// One chunk arrived, or will not.
    func chunkArrived(_ result: Result<Void, any Error>, statistics: LayerStatistics) {
        let completion = state.withLock { state -> (@Sendable (Result<Void, any Error>) -> Void)? in
            state.missing -= 1
            if case .success = result, state.missing > 0 { return nil }
            defer { state.completion = nil }
            return state.completion
        }
        guard let completion else { return }
        statistics.countMiss(waited: MonotonicClock.nanoseconds() - started)
        completion(result)
    }
}

/// Time since boot, for measuring.
enum MonotonicClock {
    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
