internal import CLinux
internal import Glibc
internal import HostSystem
internal import Synchronization
internal import Threads

/// A pipe between the container and one of our standard streams, to see when something comes. The kernel moves the bytes where it can (splice(2)).
final class OutputPassage: Sendable {
    private let target: Int32
    private let input: Int32
    /// What the container writes into.
    let childEnd: Int32
    private let state = Mutex(State())

    private struct State {
        var isChildEndOpen = true
        var hasEnded = false
        var pump: NativeThread?
    }

    /// How long nothing may come after the container's end; whoever still holds the pipe is none of its processes.
    private static let patience: Int32 = 100
    private static let pieceSize = 64 << 10

    /// A pipe that leads to a descriptor, which stays the caller's.
    init(to target: Int32) throws(HostError) {
        self.target = target
        (input, childEnd) = try Pipe.make()
    }

    deinit {
        closeChildEnd()
        if state.withLock({ $0.pump == nil }) { close(input) }
    }

    /// The child has its end: begins to pass on, and tells of the first byte.
    func start(onFirst: @escaping @Sendable () -> Void) throws(ThreadError) {
        closeChildEnd()
        let pump = try NativeThread.start(name: "output") { [self] in pass(onFirst) }
        state.withLock { $0.pump = pump }
    }

    /// The container has ended: waits until all is passed on.
    func finish() {
        let pump = state.withLock { state in
            state.hasEnded = true
            return state.pump
        }
        pump?.join()
    }

    private func closeChildEnd() {
        let isOpen = state.withLock { state in
            defer { state.isChildEndOpen = false }
            return state.isChildEndOpen
        }
        if isOpen { close(childEnd) }
    }

    // A reader of ours that goes away is the container's to notice: its next write fails, as it would without us.
    private func pass(_ onFirst: () -> Void) {
        var isFirst = true
        while hasMore() {
            let count = move()
            if count > 0, isFirst {
                isFirst = false
                onFirst()
            }
            if count == 0 || count < 0 && errno != EINTR && !waitForRoom() { break }
        }
        close(input)
    }

    private func hasMore() -> Bool {
        while true {
            var descriptor = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
            let count = poll(&descriptor, 1, OutputPassage.patience)
            if count > 0 { return true }
            if count < 0 && errno != EINTR || count == 0 && state.withLock(\.hasEnded) { return false }
        }
    }

    private func move() -> Int {
        let count = starling_splice(input, target, OutputPassage.pieceSize)
        // A file that is appended to, and most devices, take no splice.
        guard count < 0, errno == EINVAL else { return count }
        return copy()
    }

    private func copy() -> Int {
        withUnsafeTemporaryAllocation(byteCount: OutputPassage.pieceSize, alignment: 1) { buffer in
            let count = read(input, buffer.baseAddress, buffer.count)
            var written = 0
            while written < count {
                let part = write(target, buffer.baseAddress.map { $0 + written }, count - written)
                guard part >= 0 || errno == EINTR || waitForRoom() else { return -1 }
                written += max(0, part)
            }
            return count
        }
    }

    // The descriptor may be one that does not block.
    private func waitForRoom() -> Bool {
        guard errno == EAGAIN else { return false }
        var descriptor = pollfd(fd: target, events: Int16(POLLOUT), revents: 0)
        return poll(&descriptor, 1, -1) > 0
    }
}
