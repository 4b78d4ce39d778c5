internal import ChunkStore
internal import Logging
internal import Threads

/// Keeps the store within `[starling] cache_max_bytes`: from time to time layers that no snapshot uses are removed, the longest unused first.
struct CacheLimit: Sendable {
    private let task: Task<Void, Never>?

    /// How often the store is measured: it grows by no more in between than the link carries.
    private static let interval = Duration.seconds(30)

    /// - Parameter bytes: that the store may take; 0 for no bound.
    init(store: LayerStore, bytes: UInt64, log: Logger) {
        guard bytes > 0 else {
            task = nil
            return
        }
        task = Task {
            var wasOver = false
            while !Task.isCancelled {
                do {
                    let result = try await BlockingTask.run { try store.prune(to: bytes) }
                    if !result.removed.isEmpty {
                        log.info(
                            "removed unused layers",
                            metadata: ["count": "\(result.removed.count)", "bytes": "\(result.freedBytes)", "left": "\(result.leftBytes)"])
                    }
                    let isOver = result.leftBytes > bytes
                    if isOver, !wasOver {
                        log.warning(
                            "the store takes more than cache_max_bytes, and all of it is in use",
                            metadata: ["bytes": "\(result.leftBytes)", "limit": "\(bytes)"])
                    }
                    wasOver = isOver
                } catch {
                    log.warning("the store cannot be pruned", metadata: ["reason": "\(error)"])
                }
                try? await Task.sleep(for: Self.interval)  // cancelled at the daemon's end
            }
        }
    }

    /// Stops looking.
    func end() { task?.cancel() }
}
