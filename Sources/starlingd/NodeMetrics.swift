internal import ChunkStore
internal import FetchEngine
internal import LazyFS
internal import Logging
internal import Metrics
internal import Snapshots
internal import Threads

/// The daemon's metrics: facts of the rooms below, made families of at each scrape.
///
/// Two kinds: those that stargz-snapshotter has (`NodeMetrics+Peer.swift`), by layer, for as long as the layer is mounted; and our own
/// (`NodeMetrics+Own.swift`), of the daemon as a whole, whose labels have few values. So there are never more series than mounted layers allow.
struct NodeMetrics: Sendable {
    let node: LazyNode
    let layers: NodeLayers
    /// Whether those of single layers are told, too.
    let isDetailed: Bool
    let log: Logger

    /// What a scrape sees.
    struct Facts: Sendable {
        /// Mounted layers, in the order of their digests.
        var layers: [LazyNode.Opened]
        /// All layers since the daemon's start, closed ones among them.
        var totals: LayerTotals
        /// Layers that are not lazy, by reason.
        var refusals: [String: UInt64]
        /// How long directories were waited for.
        var directoryWaits: Histogram
        var activity: LazyNode.Activity
        /// Of the store on the disk; nil when it cannot be measured.
        var storeBytes: UInt64?
    }

    /// Everything, now.
    func families() async -> [MetricFamily] {
        do {
            // Looks at files.
            let facts = try await BlockingTask.run { collect() }
            return (isDetailed ? Self.peerFamilies(facts) : []) + Self.ownFamilies(facts) + ProcessMetrics.families()
        } catch {
            log.warning("no metrics", metadata: ["reason": "\(error)"])
            return []
        }
    }

    private func collect() -> Facts {
        let (opened, totals, refusals) = layers.counted
        return Facts(
            layers: opened.sorted { $0.layer.digest < $1.layer.digest }, totals: totals, refusals: refusals,
            directoryWaits: layers.directoryWaits.histogram, activity: node.activity, storeBytes: storeBytes())
    }

    private func storeBytes() -> UInt64? {
        do {
            return try node.store.diskBytes()
        } catch {
            log.debug("the store cannot be measured", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// What is wrong with the daemon, in one line; nil when all is well.
    func illness(_ snapshotter: Snapshotter) async -> String? {
        guard node.isServing else { return "the mount of lazy layers has ended; restart the daemon" }
        do {
            try await snapshotter.check()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
