internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import TreeImage

/// What the state file of a layer says, as JSON. The first four members are those of contracts.md 4; sizes are of the files' contents, but for
/// `blobSize` and `fetchedBytes`, which are of the compressed blob. Counts begin with the process.
struct LayerState: Encodable {
    let digest: String
    let size: UInt64
    let fetchedSize: UInt64
    let fetchedPercent: Double
    let blobSize: UInt64
    let fetchedBytes: UInt64
    /// Reads that waited for the registry, how long in all, and how long the most patient five of a hundred did at least; nil as in `WaitHistogram`.
    let demandMisses: UInt64
    let demandWaitMilliseconds: UInt64
    let demandWait95Milliseconds: UInt64?
    let prefetch: Prefetch

    /// See `ChunkUse.Prefetched`.
    struct Prefetch: Encodable {
        let size: UInt64
        let hitSize: UInt64
        let wasteSize: UInt64
    }

    init(_ layer: LazyLayer) {
        let (stored, counts, prefetched) = (layer.stored, layer.statistics.snapshot, layer.use.prefetched)
        digest = layer.digest.description
        size = stored.chunks.contentBytes
        fetchedSize = stored.bytesPresent
        fetchedPercent = size == 0 ? 100 : Double(fetchedSize) * 100 / Double(size)
        blobSize = stored.facts.blobSize
        fetchedBytes = counts.fetchedBytes
        demandMisses = counts.demandMisses
        demandWaitMilliseconds = counts.demandWaitNanoseconds / 1_000_000
        demandWait95Milliseconds = counts.demandWaits.milliseconds(ofPercent: 95)
        prefetch = Prefetch(size: prefetched.bytes, hitSize: prefetched.hitBytes, wasteSize: prefetched.wasteBytes)
    }
}
