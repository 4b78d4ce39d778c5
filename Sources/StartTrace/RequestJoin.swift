/// Brings together what the registry's client saw (requests) and what the engine wanted (ranges): neither knows of the other.
struct RequestJoin {
    let requests: [StartTimeline.Request]

    init(_ record: StartRecord) {
        let places = record.layerPlaces
        let ranges = Dictionary(grouping: record.events.ranges, by: \.layer)
        requests = record.events.requests.sorted { $0.start < $1.start }.map { request in
            let wanted = (ranges[request.subject] ?? []).filter { RequestJoin.brought($0, by: request) }
            let asked = wanted.first { !$0.isFront }
            return StartTimeline.Request(
                request: request, purpose: RequestJoin.purpose(request, asked, places[request.subject].map { record.layers[$0] }),
                layer: places[request.subject], queued: asked.map { $0.start - min($0.start, $0.queued) } ?? 0, ranges: wanted.map(\.id))
        }
    }

    // A range goes out a moment after the engine says so, and perhaps to several hosts, each asked for what the one before did not give.
    private static func brought(_ range: TraceRange, by request: TraceRequest) -> Bool {
        guard let wanted = range.bytes, let asked = request.bounds else { return false }
        if range.isFront { return asked.lowerBound == 0 && asked.contains(wanted.upperBound) }
        return asked.upperBound == wanted.upperBound && wanted.contains(asked.lowerBound) && range.start <= request.start
            && request.start <= max(range.end, range.start)
    }

    private static func purpose(_ request: TraceRequest, _ range: TraceRange?, _ layer: TraceLayer?) -> StartTimeline.Purpose {
        switch (request.kind, range?.cause) {
        case (.token, _): return .token
        case (.referrers, _): return .profile
        case (_, .demand): return .demand
        case (_, .prefetch): return .prefetch
        case (_, .prediction): return .prediction
        case (_, .background): return .background
        case (.manifest, nil), (.other, nil): return .resolve
        case (.blob, nil): break
        }
        // A blob that is no layer is the image's configuration. A table of contents is at the end of its blob, a front is not.
        guard let layer else { return .resolve }
        guard layer.format != nil else { return .pull }
        guard let bounds = request.bounds, bounds.lowerBound == 0, bounds.upperBound + 1 < layer.size else { return .opening }
        return .prefetch
    }
}
