internal import Synchronization

/// Says to blocking work that nobody waits for it any more.
final class CancellationFlag: Sendable {
    private let value = Atomic(false)

    func set() { value.store(true, ordering: .relaxed) }

    /// - Throws: `CancellationError` once `set` was called.
    func check() throws {
        if value.load(ordering: .relaxed) { throw CancellationError() }
    }
}
