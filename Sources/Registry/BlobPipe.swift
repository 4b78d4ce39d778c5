internal import Digests
internal import OCI
internal import Threads

/// A blob as a stream that one thread pulls, while the transport fills a bounded buffer; size and digest are verified at the end.
///
/// When the buffer is full the transfer pauses, when it is half empty it goes on: memory stays bounded however slow the reader is.
final class BlobPipe: BlobStream, @unchecked Sendable {
    // Safety: the monitor guards what both sides touch; the hasher and its count belong to the one reader.
    private let state: Monitor<State>
    private var hasher = SHA256Hasher()
    private var hashed: UInt64 = 0
    private let descriptor: Descriptor
    private let transport: Transport
    private let task: Task<Void, Never>

    private struct State {
        var queue = ByteQueue()
        var paused: Transfer?
        var running: Transfer?
        var end: Result<Void, RegistryError>?
    }

    /// Bytes that wait for the reader at most.
    private static let capacity = 4 << 20

    init(_ blob: RemoteBlob, descriptor: Descriptor, transport: Transport) {
        self.descriptor = descriptor
        self.transport = transport
        let state = Monitor(State())
        self.state = state
        // Keeps the state, not the pipe: a pipe that nobody reads any more ends its transfer in `deinit`.
        task = Task.detached(executorPreference: transport.executor) {
            let result: Result<Void, RegistryError>
            do throws(RegistryError) {
                if descriptor.size > 0 {
                    try await blob.download(
                        0..<UInt64(descriptor.size), onStart: { transfer in state.update { $0.running = transfer } },
                        receive: { bytes in BlobPipe.offer(bytes, state) })
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            state.update { if $0.end == nil { $0.end = result } }
        }
    }

    deinit { cancel() }

    private static func offer(_ bytes: UnsafeRawBufferPointer, _ state: Monitor<State>) -> Appetite {
        state.update { state in
            if state.end != nil { return .stop }
            guard state.queue.held < capacity else {
                state.paused = state.running
                return .pause
            }
            state.queue.append(Array(bytes))
            return .more
        }
    }

    /// Fills the front of `buffer`; blocks until there is something. 0 at the verified end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard buffer.count > 0 else { return 0 }
        let (taken, resumed) = state.wait { BlobPipe.take(&$0, buffer) }
        if let resumed { transport.resume(resumed) }
        let count = try taken.get()
        guard count == 0 else {
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            hashed += UInt64(count)
            return count
        }
        let actual = hasher.digestSoFar()
        guard actual == descriptor.digest else {
            throw RegistryError.digestMismatch(what: "blob (\(hashed) bytes)", expected: descriptor.digest, actual: actual)
        }
        return 0
    }

    private static func take(
        _ state: inout State, _ buffer: UnsafeMutableRawBufferPointer
    ) -> (taken: Result<Int, RegistryError>, resumed: Transfer?)? {
        guard !state.queue.isEmpty else { return state.end.map { ($0.map { 0 }, nil) } }
        let count = state.queue.take(into: buffer)
        guard state.queue.held < capacity / 2, let paused = state.paused else { return (.success(count), nil) }
        state.paused = nil
        return (.success(count), paused)
    }

    /// Ends the transfer; a reader that waits gets an error.
    func cancel() {
        let paused = state.update { state -> Transfer? in
            if state.end == nil { state.end = .failure(.cancelled) }
            state.queue.removeAll()
            defer { state.paused = nil }
            return state.paused
        }
        task.cancel()
        if let paused { transport.cancel(paused) }
    }
}
