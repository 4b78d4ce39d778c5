internal import Glibc
internal import HostSystem
internal import Synchronization
internal import Threads

/// Waits until the process whose mounts this one shares has ended, and goes on with them, unless another does; see `MountSharing`.
final class MountSuccession: Sendable {
    private let stop: Int32
    private let thread: Mutex<NativeThread?>

    /// - Parameters:
    ///   - connection: to the process whose mounts they are.
    ///   - succeed: called when it has ended: returns the connection to the next one, or nil when this process is that.
    init(_ connection: consuming OwnedDescriptor, succeed: @escaping @Sendable () -> Int32?) throws {
        let (reader, writer) = try Pipe.make("(succession)")
        stop = writer
        let first = connection.release()
        do {
            thread = Mutex(
                try NativeThread.start(name: "succession") {
                    var watched: Int32? = first
                    while let connection = watched {
                        let isStopped = Self.waitForEnd(of: connection, orReadable: reader)
                        close(connection)
                        watched = isStopped ? nil : succeed()
                    }
                    close(reader)
                })
        } catch {
            for descriptor in [first, reader, writer] { close(descriptor) }
            throw error
        }
    }

    deinit { end() }

    /// Does not wait any more; harmless when repeated. Blocks while it succeeds just now.
    func end() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        // The other end becomes readable.
        close(stop)
        thread.join()
    }

    private static func waitForEnd(of connection: Int32, orReadable stop: Int32) -> Bool {
        var polls = [connection, stop].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&polls, 2, -1) < 0 && errno == EINTR {}
        return polls[1].revents != 0
    }
}
