internal import Synchronization

/// A counter that any thread may raise at any time: one atomic addition.
public struct AtomicCounter: ~Copyable, Sendable {
    private let word = Atomic<UInt64>(0)

    /// Nothing yet.
    public init() {}

    /// Raises it.
    @inline(__always)
    public func add(_ count: UInt64 = 1) { word.wrappingAdd(count, ordering: .relaxed) }

    /// The sum so far.
    public var value: UInt64 { word.load(ordering: .relaxed) }
}
