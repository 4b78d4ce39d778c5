internal import Glibc
internal import HostSystem
internal import Synchronization
internal import Threads

/// A thread that notices when the keeper has ended, and has it replaced.
final class KeeperWatch: Sendable {
    private let thread: Mutex<NativeThread?>
    private let writer: Int32
    private let reader: Int32

    /// Milliseconds between attempts to start another.
    private static let pause: Int32 = 10_000

    /// Watches one keeper after the other; `replace` starts the next, nil when it could not.
    init(_ connection: KeeperConnection, replace: @escaping @Sendable () -> KeeperConnection?) throws {
        let (reader, writer) = try Pipe.make("(keeper)")
        (self.reader, self.writer) = (reader, writer)
        do {
            thread = Mutex(
                try NativeThread.start(name: "keeper") {
                    var watched: KeeperConnection? = connection
                    while true {
                        if let connection = watched, !connection.waitForEnd(orReadable: reader) { return }
                        watched = replace()
                        var stop = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
                        if poll(&stop, 1, watched == nil ? KeeperWatch.pause : 0) > 0 { return }
                    }
                })
        } catch {
            for descriptor in [reader, writer] { close(descriptor) }
            throw error
        }
    }

    deinit {
        stop()
        close(reader)
    }

    /// Ends the thread; harmless when repeated.
    func stop() {
        let thread = thread.withLock { $0.take() }
        guard let thread else { return }
        // The other end becomes readable.
        close(writer)
        thread.join()
    }
}
