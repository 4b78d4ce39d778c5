internal import Metrics
internal import Synchronization

/// A read that waits for some chunks; answered once, by whoever brings the last of them, by a failure, or by its deadline.
final class PendingRead: Sendable {
    let layer: LazyLayer
    /// Whether a container waits; else somebody only wants to know.
    let isDemand: Bool
    let deadline: ContinuousClock.Instant
    private let state: Mutex<State>
    private let started = MonotonicClock.nanoseconds()

    private struct State {
        var missing: Int
        var completion: (@Sendable (Result<Void, any Error>) -> Void)?
    }

    /// Waits for `missing` chunks, at least one.
    init(
        _ missing: Int, of layer: LazyLayer, deadline: ContinuousClock.Instant, isDemand: Bool,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        self.layer = layer
        self.isDemand = isDemand
        self.deadline = deadline
        state = Mutex(State(missing: missing, completion: completion))
    }

    /// Whether a container still waits.
    var isAwaited: Bool { isDemand && state.withLock { $0.completion != nil } }

    /// One chunk arrived.
    func chunkArrived() {
        answer(.success(())) { state in
            state.missing -= 1
            return state.missing <= 0
        }
    }

    /// It will not be answered otherwise.
    func fail(_ error: any Error) { answer(.failure(error)) { _ in true } }

    private func answer(_ result: Result<Void, any Error>, if isDue: (inout State) -> Bool) {
        let completion = state.withLock { isDue(&$0) ? $0.completion.take() : nil }
        guard let completion else { return }
        let isFailed = if case .failure = result { true } else { false }
        if isDemand { layer.statistics.countRead(waited: MonotonicClock.nanoseconds() - started, isFailed: isFailed) }
        completion(result)
    }
}
