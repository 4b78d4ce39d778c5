internal import Synchronization

/// How much disk space some temporary files may take together, and how much they do take.
///
/// It counts and does not enforce: who fills a file asks first what is left.
public final class DiskBudget: Sendable {
    /// Bytes that the files may hold at one time; nil for any number.
    public let limit: Int64?
    private let use = Mutex(Use())

    private struct Use {
        var held: Int64 = 0
        var allocated: Int64 = 0
        var peak: Int64 = 0
    }

    /// A budget of which nothing is used.
    public init(limit: Int64?) { self.limit = limit }

    /// Bytes in the files that were not released.
    public var held: Int64 { use.withLock { $0.held } }

    /// The most bytes that the files had on the disk at one time, as the file system counts them.
    public var peakAllocated: Int64 { use.withLock { $0.peak } }

    func change(held: Int64, allocated: Int64) {
        use.withLock { use in
            use.held += held
            use.allocated += allocated
            use.peak = max(use.peak, use.allocated)
        }
    }
}
