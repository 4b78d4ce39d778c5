internal import FetchEngine

/// What was counted of several layers, together.
struct LayerTotals: Sendable {
    var counts = LayerStatistics.Snapshot()
    var prefetched = ChunkUse.Prefetched()

    mutating func add(_ layer: LazyLayer) {
        counts.add(layer.statistics.snapshot)
        let more = layer.use.prefetched
        prefetched.hitBytes += more.hitBytes
        prefetched.wasteBytes += more.wasteBytes
    }
}
