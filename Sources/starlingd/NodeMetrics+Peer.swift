internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import LazyFS
internal import Metrics

// The metrics that dashboards for stargz-snapshotter read (contracts.md 5). Where this design does things another way, the nearest is told:
// docs/metrics.md says which.
extension NodeMetrics {
    /// The label of what belongs to no layer: as there, the digest of nothing.
    private static let noLayer = Digest.sha256([]).description

    static func peerFamilies(_ facts: Facts) -> [MetricFamily] {
        [
            milliseconds(facts), microseconds(facts), counts(facts.layers), bytes(facts.layers),
            sizes("layer_fetched_size", "Compressed bytes received for the layer since it was mounted.", facts.layers) {
                $0.layer.statistics.snapshot.fetchedBytes
            },
            sizes("layer_prefetch_size", "Of these, bytes that came before a read asked for them.", facts.layers) {
                $0.layer.statistics.snapshot.prefetchBytes
            },
            sizes("layer_size", "Compressed bytes of the layer.", facts.layers) { $0.layer.stored.facts.blobSize },
        ]
    }

    private static func milliseconds(_ facts: Facts) -> MetricFamily {
        let operations: KeyValuePairs<String, @Sendable (LayerOperations) -> LatencyCounts> = [
            "mount": \.mount, "remote_registry_get": \.registryGet, "stargz_footer_get": \.footerGet, "stargz_toc_get": \.tocGet,
            "stargz_toc_json_deserialize": \.tocDeserialize,
        ]
        var family = durations("milliseconds", facts.layers, operations)
        if facts.directoryWaits.count > 0 {
            family.samples.append(
                MetricSample(facts.directoryWaits, ["operation_type": "all_prefetches_completed", "layer": noLayer]))
        }
        return family
    }

    private static func microseconds(_ facts: Facts) -> MetricFamily {
        durations("microseconds", facts.layers, ["node_readdir": \.readdir, "read_on_demand": \.read])
    }

    private static func durations(
        _ unit: String, _ layers: [LazyNode.Opened], _ operations: KeyValuePairs<String, @Sendable (LayerOperations) -> LatencyCounts>
    ) -> MetricFamily {
        MetricFamily(
            "stargz_fs_operation_duration_\(unit)", .histogram,
            "Latency in \(unit) of operations, by their type and the layer's digest.",
            layers.flatMap { opened in
                operations.compactMap { type, counts in
                    let histogram = counts(opened.layer.operations).histogram
                    // What a layer never does would be a dozen lines of zeros.
                    guard histogram.count > 0 else { return nil }
                    return MetricSample(histogram, ["operation_type": type, "layer": opened.layer.digest.description])
                }
            })
    }

    private static func counts(_ layers: [LazyNode.Opened]) -> MetricFamily {
        MetricFamily(
            "stargz_fs_operation_count", .counter, "Number of operations, by their type and the layer's digest.",
            samples(
                layers,
                [
                    "on_demand_read_access_count": { $0.operations.read.histogram.count },
                    "on_demand_remote_registry_fetch_count": { $0.statistics.snapshot.demandMisses },
                ]))
    }

    private static func bytes(_ layers: [LazyNode.Opened]) -> MetricFamily {
        MetricFamily(
            "stargz_fs_bytes_served", .gauge, "Bytes of operations, by their type and the layer's digest.",
            samples(
                layers,
                [
                    "on_demand_bytes_served": { $0.operations.servedBytes },
                    "on_demand_bytes_fetched": { $0.statistics.snapshot.demandBytes },
                ]))
    }

    private static func samples(_ layers: [LazyNode.Opened], _ values: KeyValuePairs<String, (LazyLayer) -> UInt64>) -> [MetricSample] {
        layers.flatMap { opened in
            values.map { type, value in
                MetricSample(value(opened.layer), ["operation_type": type, "layer": opened.layer.digest.description])
            }
        }
    }

    private static func sizes(
        _ name: String, _ help: String, _ layers: [LazyNode.Opened], _ size: (LazyNode.Opened) -> UInt64
    ) -> MetricFamily {
        MetricFamily(
            "stargz_fs_\(name)_bytes", .counter, help,
            layers.map {
                MetricSample(size($0), ["digest": $0.layer.digest.description, "mountpoint": $0.directory ?? ""])
            })
    }
}
