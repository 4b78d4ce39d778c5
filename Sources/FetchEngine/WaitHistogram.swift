/// How long reads waited, counted in classes: a pure value, cumulative as Prometheus wants it only when it is asked for.
public struct WaitHistogram: Sendable, Equatable {
    /// Upper bounds of the classes, in milliseconds; the last class, beyond them, has none.
    public static let bounds: [UInt64] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]

    /// Reads in each class, and in the one without a bound: one more than there are bounds.
    public private(set) var counts = [UInt64](repeating: 0, count: WaitHistogram.bounds.count + 1)

    /// No reads yet.
    public init() {}

    mutating func count(nanoseconds: UInt64) {
        let place = WaitHistogram.bounds.firstIndex { nanoseconds <= $0 * 1_000_000 } ?? WaitHistogram.bounds.count
        counts[place] += 1
    }
}
