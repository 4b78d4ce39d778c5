/// Observations counted by size.
public struct Histogram: Equatable, Sendable {
    /// Upper bounds of the classes, growing; the last class, beyond them, has none.
    public let bounds: [Double]
    /// Observations in each class, and in the one without a bound: one more than there are bounds. Not cumulative.
    public let counts: [UInt64]
    /// All observations together, in the unit of the bounds.
    public let sum: Double

    /// Observations.
    public var count: UInt64 { counts.reduce(0, +) }

    /// A histogram.
    public init(bounds: [Double], counts: [UInt64], sum: Double) {
        precondition(counts.count == bounds.count + 1, "\(counts.count) classes for \(bounds.count) bounds")
        (self.bounds, self.counts, self.sum) = (bounds, counts, sum)
    }
}
