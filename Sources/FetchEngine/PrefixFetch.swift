internal import Registry
internal import Synchronization

/// The front of a blob, asked for together with its end, before it is known what is in it: what a landmark wants first is there.
///
/// The bytes are handed to whoever streams from them, once, as they come, and are verified there like any others. Nobody wants them: the
/// transfer ends with the object.
final class PrefixFetch: RangeSource {
    /// Offsets in the blob.
    let range: Range<UInt64>
    private let room: FrontRoom
    private let state = Mutex(State())

    private struct State {
        /// What has come and was not handed on, and how much came before that.
        var bytes: [UInt8] = []
        var start = 0
        var transfer: (any CancellableTransfer)?
        var end: Result<Void, any Error>?
        var consumer: Consumer?
    }

    private struct Consumer {
        let range: Range<UInt64>
        let receive: @Sendable (UnsafeRawBufferPointer) -> Bool
        let completion: @Sendable (Result<Void, any Error>) -> Void
    }

    /// Starts to fetch the first `size` bytes of a blob, or as many as there is room for; nil for none.
    init?(_ source: any RangeSource, size: UInt64, in room: FrontRoom) {
        let size = room.take(size)
        guard size > 0 else { return nil }
        self.room = room
        range = 0..<size
        let transfer = source.stream(
            range,
            receive: { [weak self] bytes in
                guard let self else { return false }
                return received(bytes)
            }, completion: { [weak self] in self?.ended($0) })
        state.withLock { $0.transfer = transfer }
    }

    deinit {
        state.withLock { $0.transfer }?.cancel()
        room.giveBack(UInt64(range.count))
    }

    /// Streams a part of what was asked for, which ends with it; once.
    func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> any CancellableTransfer {
        state.withLock { $0.consumer = Consumer(range: range, receive: receive, completion: completion) }
        handOut()
        return Reading(fetch: self)
    }

    private struct Reading: CancellableTransfer {
        let fetch: PrefixFetch
        func cancel() { fetch.state.withLock { $0.transfer }?.cancel() }
    }

    private func received(_ bytes: UnsafeRawBufferPointer) -> Bool {
        state.withLock { $0.bytes.append(contentsOf: bytes) }
        handOut()
        return true
    }

    private func ended(_ result: Result<Void, any Error>) {
        state.withLock { $0.end = result }
        handOut()
    }

    // The consumer is called by whoever comes first with something for it, under the lock: pieces stay in order. Its end is told without it.
    private func handOut() {
        let finish = state.withLock { state -> (@Sendable () -> Void)? in
            guard let consumer = state.consumer else { return nil }
            let (first, last) = (Int(consumer.range.lowerBound), Int(min(consumer.range.upperBound, range.upperBound)))
            let have = min(state.start + state.bytes.count, last)
            let from = max(state.start, first)
            var wantsMore = true
            if from < have {
                wantsMore = state.bytes[from - state.start..<have - state.start].withUnsafeBytes { consumer.receive($0) }
                state.bytes.removeFirst(have - state.start)
                state.start = have
            }
            let isWhole = have == last || !wantsMore
            guard let result = isWhole ? .success(()) : state.end else { return nil }
            state.consumer = nil
            return { consumer.completion(result) }
        }
        finish?()
    }
}

/// Memory for the fronts of all layers that are being opened, in bytes. What does not fit is fetched later, as the rest is.
final class FrontRoom: Sendable {
    private let left: Mutex<UInt64>

    init(_ size: UInt64) { left = Mutex(size) }

    /// Takes as much of `size` as is left.
    func take(_ size: UInt64) -> UInt64 {
        left.withLock { left in
            let taken = min(size, left)
            left -= taken
            return taken
        }
    }

    func giveBack(_ size: UInt64) { left.withLock { $0 += size } }
}
