/// Spans of time, overlaps joined.
struct TimeSpans {
    private var joined: [Range<UInt64>] = []

    init(_ spans: [(start: UInt64, end: UInt64)]) {
        for span in spans.sorted(by: { $0.start < $1.start }) where span.end > span.start {
            if let last = joined.last, span.start <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, span.end)
            } else {
                joined.append(span.start..<span.end)
            }
        }
    }

    /// How much of a time they cover.
    func length(within time: Range<UInt64>) -> UInt64 { joined.reduce(0) { $0 + UInt64($1.clamped(to: time).count) } }
}
