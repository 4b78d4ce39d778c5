internal import FetchEngine
internal import Synchronization

/// What the FUSE callbacks share: the layers by slot, the engine that fills them, and the way of the answers.
final class TreeServer: Sendable {
    let slots = SlotTable()
    let gate = ReplyGate()
    let requests = RequestCounts()
    let fetcher: ChunkFetcher
    private let observer = Mutex<(@Sendable (LazyLayer, UInt64) -> Void)?>(nil)

    init(fetcher: ChunkFetcher) { self.fetcher = fetcher }

    /// Lets somebody know of every read that has to wait: of which layer, and from which place of its content file on.
    func observeMisses(_ observer: @escaping @Sendable (LazyLayer, UInt64) -> Void) { self.observer.withLock { $0 = observer } }

    func missed(_ layer: LazyLayer, at contentOffset: UInt64) { observer.withLock { $0 }?(layer, contentOffset) }
}
