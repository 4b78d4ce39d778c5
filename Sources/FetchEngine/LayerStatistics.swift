internal import Synchronization

/// What was fetched of a layer and what it made readers wait; counted without a lock, read at any time.
public final class LayerStatistics: Sendable {
    private let requests = Atomic<UInt64>(0)
    private let fetched = Atomic<UInt64>(0)
    private let misses = Atomic<UInt64>(0)
    private let waited = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)

    /// A moment's counts.
    public struct Snapshot: Sendable, Equatable {
        /// Ranges asked of the registry.
        public var requests: UInt64
        /// Compressed bytes received.
        public var fetchedBytes: UInt64
        /// Reads that had to wait for the registry.
        public var demandMisses: UInt64
        /// Nanoseconds that these reads waited, summed.
        public var demandWaitNanoseconds: UInt64
        /// Ranges that failed.
        public var failures: UInt64
    }

    init() {}

    func countRequest() { requests.add(1, ordering: .relaxed) }
    func countBytes(_ count: Int) { fetched.add(UInt64(count), ordering: .relaxed) }
    func countFailure() { failures.add(1, ordering: .relaxed) }

    func countMiss(waited nanoseconds: UInt64) {
        misses.add(1, ordering: .relaxed)
        waited.add(nanoseconds, ordering: .relaxed)
    }

    /// The counts now.
    public var snapshot: Snapshot {
        Snapshot(
            requests: requests.load(ordering: .relaxed), fetchedBytes: fetched.load(ordering: .relaxed),
            demandMisses: misses.load(ordering: .relaxed), demandWaitNanoseconds: waited.load(ordering: .relaxed),
            failures: failures.load(ordering: .relaxed))
    }
}
