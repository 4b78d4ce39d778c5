internal import FetchEngine
internal import LazyFS
internal import Metrics

// The metrics that only this daemon has: sums over all layers since its start, and what goes on now. Units as Prometheus wants them: bytes, seconds.
extension NodeMetrics {
    static func ownFamilies(_ facts: Facts) -> [MetricFamily] {
        [
            MetricFamily("starling_build_info", .gauge, "1, and the daemon's version.", [MetricSample(1.0, ["version": Version.current])])
        ] + layerFamilies(facts) + fetchFamilies(facts.totals.counts, facts.activity.fetching) + waitFamilies(facts.totals.counts)
            + fuseFamilies(facts.activity)
    }

    private static func layerFamilies(_ facts: Facts) -> [MetricFamily] {
        let (complete, ahead) = (facts.layers.count { $0.layer.isComplete }, facts.totals.prefetched)
        return [
            MetricFamily(
                "starling_layers", .gauge, "Layers that are mounted lazily, by whether all of their content is here.",
                [
                    MetricSample(UInt64(complete), ["complete": "true"]),
                    MetricSample(UInt64(facts.layers.count - complete), ["complete": "false"]),
                ]),
            MetricFamily(
                "starling_layers_not_lazy_total", .counter, "Layers that were left to the client to unpack, by reason.",
                facts.refusals.sorted { $0.key < $1.key }.map { MetricSample($0.value, ["reason": $0.key]) }),
            MetricFamily(
                "starling_cache_bytes", .gauge, "Bytes of the disk that the store takes.", facts.storeBytes.map { [MetricSample($0)] } ?? []
            ),
            MetricFamily(
                "starling_prefetch_hit_bytes", .gauge, "Bytes of content that came before a read asked for them, and were read since.",
                [MetricSample(ahead.hitBytes)]),
            MetricFamily(
                "starling_prefetch_waste_bytes", .gauge,
                "Bytes of content that came before a read asked for them, and nobody has read yet.",
                [MetricSample(ahead.wasteBytes)]),
        ]
    }

    private static func fetchFamilies(_ counts: LayerStatistics.Snapshot, _ load: FetchLoad) -> [MetricFamily] {
        [
            MetricFamily(
                "starling_fetch_requests_total", .counter, "Ranges asked of registries.", [MetricSample(counts.requests)]),
            MetricFamily(
                "starling_fetch_bytes_total", .counter, "Compressed bytes received, by why they were asked for.",
                [
                    MetricSample(counts.demandBytes, ["cause": "demand"]), MetricSample(counts.prefetchBytes, ["cause": "prefetch"]),
                    MetricSample(counts.backgroundBytes, ["cause": "background"]),
                ]),
            MetricFamily(
                "starling_fetch_retries_total", .counter, "Ranges asked for again.", [MetricSample(counts.retries)]),
            MetricFamily(
                "starling_fetch_errors_total", .counter, "Ranges that failed, also those that a repetition brought.",
                FaultKind.allCases.map { MetricSample(counts.faults[$0] ?? 0, ["reason": $0.rawValue]) }),
            MetricFamily(
                "starling_fetch_queue", .gauge, "Ranges that wait for their turn or are under way, by how urgent they are.",
                FetchPriority.allCases.flatMap { priority in
                    [
                        MetricSample(UInt64(load.waiting[priority] ?? 0), ["priority": "\(priority)", "state": "waiting"]),
                        MetricSample(UInt64(load.active[priority] ?? 0), ["priority": "\(priority)", "state": "active"]),
                    ]
                }),
        ]
    }

    private static func waitFamilies(_ counts: LayerStatistics.Snapshot) -> [MetricFamily] {
        let histogram = Histogram(
            bounds: WaitHistogram.bounds.map { Double($0) / 1_000 }, counts: counts.demandWaits.counts,
            sum: Double(counts.demandWaitNanoseconds) / 1e9)
        return [
            MetricFamily(
                "starling_demand_wait_seconds", .histogram, "How long reads waited for a registry.", [MetricSample(histogram)]),
            MetricFamily(
                "starling_failed_reads_total", .counter, "Reads that waited and ended with an error.", [MetricSample(counts.failedReads)]),
        ]
    }

    private static func fuseFamilies(_ activity: LazyNode.Activity) -> [MetricFamily] {
        [
            MetricFamily(
                "starling_fuse_requests_total", .counter, "Requests of the kernel, by kind.",
                FuseRequestKind.allCases.map { MetricSample(activity.requests[$0] ?? 0, ["kind": $0.rawValue]) }),
            MetricFamily(
                "starling_fuse_waiting_reads", .gauge, "Reads of the kernel that wait for a registry.",
                [MetricSample(UInt64(activity.fetching.reads))]),
            MetricFamily(
                "starling_fuse_queue", .gauge, "Requests that the kernel has sent and that are not answered yet, waiting reads among them.",
                activity.unansweredRequests.map { [MetricSample(UInt64($0))] } ?? []),
        ]
    }
}
