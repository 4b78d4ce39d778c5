internal import FetchEngine

/// What the FUSE callbacks share: the layers by slot, the engine that fills them, and the way of the answers.
final class TreeServer: Sendable {
    let slots = SlotTable()
    let gate = ReplyGate()
    let fetcher: ChunkFetcher

    init(fetcher: ChunkFetcher) { self.fetcher = fetcher }
}
