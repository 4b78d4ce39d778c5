/// Brings together what the registry's client saw (requests) and what the engine wanted (ranges): neither knows of the other.
struct RequestJoin {
    let requests: [StartTimeline.Request]

    private let places: [String: Int]
    private let layers: [TraceLayer]

    init(_ record: StartRecord) {
        layers = record.layers
        places = Dictionary(record.layers.enumerated().map { ($1.digest, $0) }, uniquingKeysWith: { first, _ in first })
        let ranges = Dictionary(grouping: record.events.ranges, by: \.layer)
        let (layers, places) = (layers, places)
        requests = record.events.requests.sorted { $0.start < $1.start }.map { request in
            let wanted = (ranges[request.subject] ?? []).filter { RequestJoin.brought($0, by: request) }
            let asked = wanted.first { !$0.isFront }
            return StartTimeline.Request(
                request: request, purpose: RequestJoin.purpose(request, asked, places[request.subject].map { layers[$0] }),
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

/// Says in words why reads waited.
struct ReadReasons {
    private let requests: [Int: TraceRequest]
    private let ranges: [Int: TraceRange]

    init(_ requests: [StartTimeline.Request], _ ranges: [TraceRange]) {
        var byRange: [Int: TraceRequest] = [:]
        for request in requests { for id in request.ranges { byRange[id] = request.request } }
        self.requests = byRange
        self.ranges = Dictionary(ranges.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }

    func why(_ read: TraceRead) -> String {
        let last = read.ranges.compactMap { ranges[$0] }.max { $0.end < $1.end }
        let request = last.flatMap { requests[$0.id] }
        let size = last?.bytes.map { Quantity.bytes($0.upperBound - $0.lowerBound + 1) } ?? "a range"
        let shared = read.ranges.count > 1 ? " (the last of \(read.ranges.count) ranges)" : ""
        let first = request?.firstByte.map { firstByte in
            firstByte > read.start ? ", first byte after \(Quantity.time(firstByte - read.start))" : ", its first bytes were here"
        }
        switch read.cause {
        case .miss: return "miss: \(size) asked of the registry\(first ?? "")\(shared)"
        case .onItsWay: return "on its way already, by \(last.map(\.cause.words) ?? "prefetch"): \(size)\(first ?? "")\(shared)"
        case .neighbour: return "on its way with another read's bytes: \(size)\(first ?? "")\(shared)"
        case .queued: return "queued \(Quantity.time(read.queued)) behind other ranges, then \(size)\(shared)"
        case .retried: return "asked \(read.attempts) times\(failure(read).map { ": \($0)" } ?? "")"
        case .failed: return "failed after \(read.attempts) attempts\(failure(read).map { ": \($0)" } ?? "")"
        }
    }

    private func failure(_ read: TraceRead) -> String? { read.ranges.lazy.compactMap { ranges[$0]?.failure }.first }
}

extension FetchCause {
    /// For people.
    var words: String {
        switch self {
        case .demand: "another read"
        case .prefetch: "prefetch"
        case .prediction: "prediction"
        case .background: "background"
        }
    }
}
