internal import ChunkStore
internal import Synchronization
internal import TreeImage

/// Chunks that somebody expects to be read soon.
public struct ExpectedChunks: Sendable {
    /// Of one file.
    public var chunks: ClosedRange<Int>
    /// When they are likely to be read: the earlier go first.
    public var order: ReadOrder
    /// Called once: true when they are here, false when they will not come this way. From any thread, and at once for what is here.
    public var arrival: @Sendable (Bool) -> Void

    /// Expects chunks.
    public init(_ chunks: ClosedRange<Int>, order: ReadOrder, arrival: @escaping @Sendable (Bool) -> Void) {
        self.chunks = chunks
        self.order = order
        self.arrival = arrival
    }
}

// What is guessed: nobody waits for it yet, and much of it is small.
extension ChunkFetcher {
    /// Fetches chunks that are expected to be read soon, as prefetches. Those that lie close together come together.
    public func expect(_ expected: [ExpectedChunks], of layer: LazyLayer) {
        var missing: [(Int, [Int])] = []
        var orders: [Int: ReadOrder] = [:]
        for (number, wanted) in expected.enumerated() {
            let chunks = wanted.chunks.filter { !layer.stored.isPresent($0) && !takeFromOtherLayer($0, layer) }.map(layer.firstSource)
            if !chunks.isEmpty { missing.append((number, chunks)) } else { wanted.arrival(true) }
            for chunk in chunks { orders[chunk] = min(orders[chunk] ?? wanted.order, wanted.order) }
        }
        guard !missing.isEmpty else { return }
        let (jobs, here) = layer.flights.withLock { flights -> ([FetchJob], [Int]) in
            let underWay = flights.underWay
            let runs = FetchPlan.runs(of: missing.flatMap(\.1), in: layer.stored.chunks) {
                !layer.stored.isPresent($0) && underWay[$0] == nil
            }
            let jobs = runs.map { run in
                let order = run.lazy.compactMap { orders[$0] }.min() ?? .last
                return launch(FetchJob(layer: layer, extent: run, cause: .prefetch, order: order), &flights)
            }
            var here: [Int] = []
            for (number, chunks) in missing where !wait(for: chunks, of: layer, &flights, expected[number].arrival) { here.append(number) }
            return (jobs, here)
        }
        watchDeadlines()
        for number in here { expected[number].arrival(true) }
        let refused = state.withLock { state in jobs.filter { !state.add($0, at: .now) } }
        for job in refused { fail(job, with: FetchError.shutDown) }
        pump()
    }

    /// Under the layer's lock: lets somebody know when chunks that are on their way have come; false when all have come meanwhile.
    private func wait(
        for chunks: [Int], of layer: LazyLayer, _ flights: inout LazyLayer.Flights, _ arrival: @escaping @Sendable (Bool) -> Void
    ) -> Bool {
        let coming = chunks.filter { flights.underWay[$0] != nil }
        guard !coming.isEmpty else { return false }
        let read = pendingRead(coming.count, of: layer, isDemand: false) { result in
            if case .success = result { arrival(true) } else { arrival(false) }
        }
        for chunk in coming { flights.underWay[chunk]?.waiters.append(read) }
        return true
    }
}
