internal import Glibc

/// State behind a lock, with waiting: `Synchronization.Mutex` has no condition to wait on.
///
/// For plain threads only. A waiting thread is blocked, so nothing that waits here may run on Swift's cooperative pool.
public final class Monitor<State>: @unchecked Sendable {
    // Safety: `state` is touched only while `mutex` is held; the two pthread objects have stable addresses until deinit.
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    /// Guards a state.
    public init(_ state: State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Changes the state and wakes everybody who waits for it.
    public func update<Result>(_ change: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return try change(&state)
    }

    /// Waits until `attempt` returns something; it may change the state, and then the others are woken.
    public func wait<Result>(_ attempt: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        while true {
            if let result = attempt(&state) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }
}
