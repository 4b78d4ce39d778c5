/// Layers that reads have missed in lately, the last one at the end: what tells a program that starts from one that reads everything. A pure value.
struct RecentDemands {
    private var demands: [(layer: LazyLayer, time: ContinuousClock.Instant)] = []

    /// How long a layer counts as being read. Who reads all of an image is busy in one layer for some seconds, and then in the next.
    static let span = Duration.seconds(15)

    /// A read misses in a layer.
    mutating func note(_ layer: LazyLayer, at now: ContinuousClock.Instant) {
        demands.removeAll { $0.layer === layer || $0.time + Self.span < now }
        demands.append((layer, now))
    }

    mutating func remove(_ layer: LazyLayer) { demands.removeAll { $0.layer === layer } }

    /// Layers that are being read, the last one first.
    func layers(at now: ContinuousClock.Instant) -> [LazyLayer] {
        demands.reversed().prefix { $0.time + Self.span >= now }.map(\.layer)
    }
}
