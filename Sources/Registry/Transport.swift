internal import CCurl
internal import Glibc
internal import Synchronization

/// HTTP on one thread: libcurl's multi interface, with connections reused and HTTP/2 streams shared.
///
/// Requests come through a locked inbox from any thread; callbacks run on the transport's thread and must not block. The thread ends with
/// `shutdown` or with the last reference, which fails what is under way. It is also a task executor: tasks that prefer it run between
/// transfers, so that what waits for a transfer depends on no other thread.
final class Transport: Sendable {
    private let loop = TransportLoop()

    /// Starts a request; its completion runs once, on the transport's thread.
    func start(_ transfer: Transfer) { loop.start(transfer) }

    /// Lets a paused transfer go on.
    func resume(_ transfer: Transfer) { loop.resume(transfer) }

    /// Ends a transfer soon; its completion gets `.cancelled`.
    func cancel(_ transfer: Transfer) {
        transfer.isCancelled.store(true, ordering: .releasing)
        loop.resume(transfer)
    }

    /// For tasks that are to run on the transport's thread.
    var executor: any TaskExecutor { loop }

    /// Fails everything under way and ends the thread, which is waited for unless it is the caller.
    func shutdown() { loop.end(wait: true) }

    // The thread owns the loop; the last reference may even go on that thread, so nobody waits here.
    deinit { loop.end(wait: false) }
}
