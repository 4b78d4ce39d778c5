internal import Synchronization

/// An answer that is given once, by whoever comes first; when nobody comes in time, it is that there is nothing.
final class FirstAnswer<Value: Sendable>: Sendable {
    private let answer: Mutex<(@Sendable (Value?) -> Void)?>

    init(_ answer: @escaping @Sendable (Value?) -> Void) { self.answer = Mutex(answer) }

    /// Gives it; false when it was given before.
    @discardableResult
    func give(_ value: Value?) -> Bool {
        let first = answer.withLock { $0.take() }
        first?(value)
        return first != nil
    }

    /// Waits for `body` to come to a value. It is not ended when its time is over: what it has come to is there for the next who asks.
    func give(within patience: Duration, onTimeout: @escaping @Sendable () -> Void, _ body: () async -> Value?) async {
        let clock = Task { [self] in
            guard (try? await Task.sleep(for: patience)) != nil else { return }
            if give(nil) { onTimeout() }
        }
        give(await body())
        clock.cancel()
    }
}
