internal import NIOCore
internal import NIOPosix

/// Runs calls on the thread that reads and answers their connections: a call takes less time than its way to another thread and back.
///
/// What waits for a network, a disk or a processor has threads of its own; here runs what leads there.
final class CallExecutor: TaskExecutor {
    static let shared = CallExecutor()

    /// One thread.
    let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop

    private init() { loop = threads.next() }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
