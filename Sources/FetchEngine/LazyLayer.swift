public import ChunkStore
public import Digests
internal import Synchronization
internal import TreeImage

/// A layer that is being used: what is stored of it, where the rest comes from, and which chunks are on their way.
public final class LazyLayer: Sendable {
    /// Tree, chunk map and contents.
    public let stored: StoredLayer
    /// Counts for status and metrics.
    public let statistics = LayerStatistics()
    let source: any RangeSource
    let flights: Mutex<Flights>

    /// Chunks on their way, each with those who wait for it. Guarded by `flights`.
    struct Flights {
        var underWay: [Int: Flight] = [:]
        var plan = FetchPlan()
    }

    /// One chunk on its way: the job that brings it and the reads that wait.
    struct Flight {
        let job: FetchJob
        var waiters: [PendingRead]
    }

    /// Digest of the layer's blob.
    public var digest: Digest { stored.digest }

    /// A layer whose missing chunks come from `source`.
    public init(stored: StoredLayer, source: any RangeSource) {
        self.stored = stored
        self.source = source
        flights = Mutex(Flights())
    }
}
