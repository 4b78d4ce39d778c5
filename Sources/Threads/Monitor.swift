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
        // Waits with a deadline are not to be moved by whoever sets the clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
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

    /// Waits like `wait`, but no longer than until `deadline(&state)`; nil when it has passed. A nil deadline is none. It is asked again after each
    /// change of the state.
    public func wait<Result>(
        until deadline: (State) -> ContinuousClock.Instant?, _ attempt: (inout State) -> Result?
    ) -> Result? {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        while true {
            if let result = attempt(&state) { return result }
            guard let deadline = deadline(state) else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            let rest = ContinuousClock.now.duration(to: deadline)
            guard rest > .zero else { return nil }
            var time = Monitor.time(after: rest)
            pthread_cond_timedwait(condition, mutex, &time)
        }
    }

    private static func time(after rest: Duration) -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = rest.components
        // A day is as good as for ever here, and cannot overflow.
        time.tv_sec += Int(min(seconds, 86_400))
        time.tv_nsec += Int(attoseconds / 1_000_000_000)
        if time.tv_nsec >= 1_000_000_000 {
            time.tv_sec += 1
            time.tv_nsec -= 1_000_000_000
        }
        return time
    }
}
