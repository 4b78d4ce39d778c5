internal import Synchronization

/// What was fetched of a layer, why, and what it made readers wait. Counted where a miss or an answer passes, never on a hit; read at any time.
public final class LayerStatistics: Sendable {
    private let counts = Mutex(Snapshot())

    /// A moment's counts.
    public struct Snapshot: Sendable, Equatable {
        /// Ranges asked of the registry, a repeated one each time.
        public var requests: UInt64 = 0
        /// Compressed bytes received.
        public var fetchedBytes: UInt64 { demandBytes + prefetchBytes + backgroundBytes }
        /// Of these: fetched because a read waited, and what came along with it.
        public var demandBytes: UInt64 = 0
        /// Fetched because of a landmark, or because reads nearby made it likely.
        public var prefetchBytes: UInt64 = 0
        /// Fetched to complete the layer.
        public var backgroundBytes: UInt64 = 0
        /// Reads that had to wait for the registry.
        public var demandMisses: UInt64 = 0
        /// Of these: reads that found all they missed under way already, by a prefetch or in the background. `ChunkUse` knows what was here before
        /// its read.
        public var demandsJoined: UInt64 = 0
        /// Nanoseconds that reads waited, summed.
        public var demandWaitNanoseconds: UInt64 = 0
        /// The same waits in classes.
        public var demandWaits = WaitHistogram()
        /// Attempts that failed, by kind; some were repeated with success.
        public var faults: [FaultKind: UInt64] = [:]
        /// Ranges asked for again.
        public var retries: UInt64 = 0
        /// Ranges that made way for a demand, or were given up with their layer.
        public var cuts: UInt64 = 0
        /// Reads that ended with an error.
        public var failedReads: UInt64 = 0

        /// Attempts that failed.
        public var failures: UInt64 { faults.values.reduce(0, +) }

        /// Nothing yet.
        public init() {}

        /// Adds the counts of another layer.
        public mutating func add(_ other: Snapshot) {
            requests += other.requests
            demandBytes += other.demandBytes
            prefetchBytes += other.prefetchBytes
            backgroundBytes += other.backgroundBytes
            demandMisses += other.demandMisses
            demandsJoined += other.demandsJoined
            demandWaitNanoseconds += other.demandWaitNanoseconds
            demandWaits.add(other.demandWaits)
            faults.merge(other.faults, uniquingKeysWith: +)
            retries += other.retries
            cuts += other.cuts
            failedReads += other.failedReads
        }
    }

    init() {}

    func count(_ change: (inout Snapshot) -> Void) { counts.withLock { change(&$0) } }

    func countBytes(_ bytes: Int, _ cause: FetchPriority) {
        counts.withLock { counts in
            switch cause {
            case .demand: counts.demandBytes += UInt64(bytes)
            case .prefetch: counts.prefetchBytes += UInt64(bytes)
            case .background: counts.backgroundBytes += UInt64(bytes)
            }
        }
    }

    /// Returns how many there were before.
    func countFault(_ kind: FaultKind) -> UInt64 {
        counts.withLock { counts in
            defer { counts.faults[kind, default: 0] += 1 }
            return counts.failures
        }
    }

    func countRead(waited nanoseconds: UInt64, isFailed: Bool) {
        counts.withLock { counts in
            counts.demandMisses += 1
            counts.demandWaitNanoseconds += nanoseconds
            counts.demandWaits.count(nanoseconds: nanoseconds)
            if isFailed { counts.failedReads += 1 }
        }
    }

    /// The counts now.
    public var snapshot: Snapshot { counts.withLock { $0 } }
}
