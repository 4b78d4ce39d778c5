/// How long reads waited, counted in classes: a pure value, cumulative as Prometheus wants it only when it is asked for.
public struct WaitHistogram: Sendable, Equatable {
    /// Upper bounds of the classes, in milliseconds; the last class, beyond them, has none.
    public static let bounds: [UInt64] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]

    /// Reads in each class, and in the one without a bound: one more than there are bounds.
    public private(set) var counts = [UInt64](repeating: 0, count: WaitHistogram.bounds.count + 1)

    /// No reads yet.
    public init() {}

    /// Milliseconds within which at least so many percent of the reads had their bytes: the upper bound of a class. Nil when that is beyond
    /// the last bound, and when no read has waited.
    public func milliseconds(ofPercent percent: UInt64) -> UInt64? {
        let all = counts.reduce(0, +)
        var below: UInt64 = 0
        for (bound, count) in zip(WaitHistogram.bounds, counts) {
            below += count
            if all > 0, below * 100 >= all * percent { return bound }
        }
        return nil
    }

    /// Adds the reads of another one.
    mutating func add(_ other: WaitHistogram) {
        for (place, count) in other.counts.enumerated() { counts[place] += count }
    }

    mutating func count(nanoseconds: UInt64) {
        let place = WaitHistogram.bounds.firstIndex { nanoseconds <= $0 * 1_000_000 } ?? WaitHistogram.bounds.count
        counts[place] += 1
    }
}
