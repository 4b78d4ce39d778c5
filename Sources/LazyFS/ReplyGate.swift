internal import Synchronization

/// Whether answers go to the kernel. Closed, they vanish, and the kernel goes on waiting for whoever serves the mount next.
final class ReplyGate: Sendable {
    private let closed = Atomic<Bool>(false)

    var isClosed: Bool { closed.load(ordering: .sequentiallyConsistent) }
    func close() { closed.store(true, ordering: .sequentiallyConsistent) }
    func open() { closed.store(false, ordering: .sequentiallyConsistent) }
}
