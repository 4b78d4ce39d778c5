internal import Synchronization

/// What the engine has to do at a moment.
public struct FetchLoad: Equatable, Sendable {
    /// Ranges that wait for their turn.
    public var waiting: [FetchPriority: Int] = [:]
    /// Ranges under way; one that a read waits for counts as demand, whatever it was made for.
    public var active: [FetchPriority: Int] = [:]
    /// Reads that wait for bytes.
    public var reads = 0
}

extension ChunkFetcher {
    /// What there is to do now.
    public var load: FetchLoad {
        var load = FetchLoad(reads: reads.all.count { $0.isAwaited })
        state.withLock { state in
            for priority in FetchPriority.allCases {
                load.waiting[priority] = state.queue.waitingCount(priority)
                load.active[priority] = state.queue.activeCount(priority)
            }
        }
        return load
    }
}
