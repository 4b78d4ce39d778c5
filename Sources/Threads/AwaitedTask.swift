/// Asynchronous work that a plain thread waits for: the other way round than `BlockingTask`.
public enum AwaitedTask {
    /// Runs `body` in a task of its own and blocks the thread until it has ended. Never on one of Swift's cooperative threads, which the
    /// task may need.
    ///
    /// - Parameter started: gets what cancels the task.
    public static func run<Value: Sendable>(
        started: (@escaping @Sendable () -> Void) -> Void = { _ in }, _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let outcome = Monitor<Result<Value, any Error>?>(nil)
        let task = Task {
            let result: Result<Value, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            outcome.update { $0 = result }
        }
        started { task.cancel() }
        return try outcome.wait { $0 }.get()
    }
}
