internal import Digests
internal import OCI
internal import Threads

/// A blob of containerd's content store: a call streams it into a bounded buffer, the reader's thread takes it out.
///
/// Who may touch what: the call's task only adds, and is suspended while the buffer is full; `read` is called by one thread at a time and only
/// takes, blocked while there is nothing. So a slow reader holds containerd back instead of filling memory.
final class ContentPipe: BlobStream, @unchecked Sendable {
    // Safety: `hasher` and `taken` are touched by the one reader only; everything shared is behind the monitor.
    private let state = Monitor(State())
    private let descriptor: Descriptor
    private var task: Task<Void, Never>?
    private var hasher = SHA256Hasher()
    private var taken: Int64 = 0

    private struct State {
        var queue = ByteQueue()
        /// The call's task, suspended because the buffer is full; resumed with whether to go on.
        var room: CheckedContinuation<Bool, Never>?
        var end: Result<Void, any Error>?
    }

    /// Bytes that wait for the reader at most, give or take a message.
    private static let capacity = 4 << 20

    /// Begins to read a blob.
    init(_ descriptor: Descriptor, in containerd: Containerd) {
        self.descriptor = descriptor
        // Keeps the state, not the pipe: a pipe that nobody reads any more ends its call in `deinit`.
        task = Task { [state] in
            let result: Result<Void, any Error>
            do {
                try await containerd.read(descriptor.digest) { try await ContentPipe.add($0, state) }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            state.update { if $0.end == nil { $0.end = result } }
        }
    }

    deinit { cancel() }

    private static func add(_ bytes: [UInt8], _ state: Monitor<State>) async throws {
        let goesOn = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            let answer = state.update { state -> Bool? in
                if state.end != nil { return false }
                state.queue.append(bytes)
                if state.queue.held < capacity { return true }
                state.room = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        guard goesOn else { throw CancellationError() }
    }

    /// Fills the front of `buffer`; blocks until there is something. 0 at the verified end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard buffer.count > 0 else { return 0 }
        let (result, room) = state.wait { ContentPipe.take(&$0, buffer) }
        room?.resume(returning: true)
        let count = try result.get()
        guard count == 0 else {
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            taken += Int64(count)
            // More than was promised would otherwise be noticed at an end that may never come.
            guard taken <= descriptor.size else { throw damage("more than \(descriptor.size) bytes") }
            return count
        }
        guard taken == descriptor.size else { throw damage("\(taken) bytes instead of \(descriptor.size)") }
        guard hasher.digestSoFar() == descriptor.digest else { throw damage("its bytes have another digest") }
        return 0
    }

    private func damage(_ reason: String) -> ContainerdError { .damaged(descriptor.digest, reason: reason) }

    private static func take(
        _ state: inout State, _ buffer: UnsafeMutableRawBufferPointer
    ) -> (result: Result<Int, any Error>, room: CheckedContinuation<Bool, Never>?)? {
        guard !state.queue.isEmpty else { return state.end.map { ($0.map { 0 }, nil) } }
        let count = state.queue.take(into: buffer)
        // Half empty before the call goes on: fewer, longer turns.
        guard state.queue.held < capacity / 2 else { return (.success(count), nil) }
        defer { state.room = nil }
        return (.success(count), state.room)
    }

    /// Ends the call; a reader that waits gets an error.
    func cancel() {
        let room = state.update { state in
            if state.end == nil { state.end = .failure(CancellationError()) }
            state.queue.removeAll()
            defer { state.room = nil }
            return state.room
        }
        task?.cancel()
        room?.resume(returning: false)
    }
}
