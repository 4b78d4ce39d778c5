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
