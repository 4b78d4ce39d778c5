internal import Synchronization

/// What runs for requests that take longer than an answer may: it waits until there is something to work with, and can be told to end.
final class RequestWork<Resource: Sendable>: Sendable {
    private let state = Mutex(State())

    private struct State {
        var resource: Resource?
        var waiting: [Waiting] = []
        var running: [UInt64: Task<Void, Never>] = [:]
        var last: UInt64 = 0
        var isOver = false
    }

    private struct Waiting: Sendable {
        let body: @Sendable (Resource) async -> Void
        let otherwise: @Sendable () -> Void
    }

    init() {}

    /// Runs `body`; `otherwise` instead when everything is over before it has begun. One of them, once.
    func run(_ body: @escaping @Sendable (Resource) async -> Void, orElse otherwise: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            guard !state.isOver else { return true }
            if let resource = state.resource {
                start(body, resource, &state)
            } else {
                state.waiting.append(Waiting(body: body, otherwise: otherwise))
            }
            return false
        }
        if isOver { otherwise() }
    }

    private func start(_ body: @escaping @Sendable (Resource) async -> Void, _ resource: Resource, _ state: inout State) {
        state.last += 1
        let number = state.last
        state.running[number] = Task { [self] in
            await body(resource)
            // Not before it was noted: the lock is held until then.
            self.state.withLock { $0.running[number] = nil }
        }
    }

    /// There is something to work with.
    func begin(with resource: Resource) {
        state.withLock { state in
            state.resource = resource
            for waiting in state.waiting { start(waiting.body, resource, &state) }
            state.waiting = []
        }
    }

    /// Nothing begins any more, and what runs is cancelled.
    func end() {
        let (waiting, running) = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return (state.waiting, Array(state.running.values))
        }
        for task in running { task.cancel() }
        for work in waiting { work.otherwise() }
    }
}
