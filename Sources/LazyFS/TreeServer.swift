internal import FetchEngine

/// What the FUSE callbacks share: the layers by slot, and the engine that fills them.
final class TreeServer: Sendable {
    let slots = SlotTable()
    let fetcher: ChunkFetcher

    init(fetcher: ChunkFetcher) { self.fetcher = fetcher }
}
