internal import Threads

/// A few threads for calls that block (walking and removing trees): Swift's cooperative pool must never wait for a disk.
final class BlockingPool: Sendable {
    private let queue = WorkQueue<@Sendable () -> Void>()

    init(threads: Int, name: String) {
        for _ in 0..<threads {
            do {
                try NativeThread.start(name: name) { [queue] in
                    while let work = queue.next() { work() }
                }.detach()
            } catch {
                // Five threads at the daemon's start: without them there is no daemon.
                fatalError("\(name): \(error)")
            }
        }
    }

    deinit { queue.close() }

    /// Runs `body` on one of the threads and waits for its result without blocking the caller's.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = queue.add { continuation.resume(with: Swift.Result { try body() }) }
            if !accepted { continuation.resume(throwing: CancellationError()) }
        }
    }

    /// Runs `body` some time later.
    func later(_ body: @escaping @Sendable () -> Void) {
        _ = queue.add(body)
    }
}
