/// Work that blocks, awaited without blocking Swift's cooperative threads: it gets a thread of its own.
public enum BlockingTask {
    /// Runs `body` on a thread and waits for it. When the task is cancelled, `cancel` runs, and `body` is still waited for:
    /// nothing goes on behind the caller's back.
    public static func run<Result: Sendable>(
        cancel: @escaping @Sendable () -> Void = {}, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Result, any Error>) in
                do {
                    try NativeThread.start(name: "blocking") { continuation.resume(with: Swift.Result { try body() }) }.detach()
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            cancel()
        }
    }
}
