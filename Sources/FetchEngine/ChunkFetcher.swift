public import ChunkStore
public import Logging
internal import Synchronization
internal import Threads
internal import TreeImage

/// The fetch engine: turns misses into range requests, and their bytes into verified chunks in the store.
///
///     read misses ─▶ demand ─▶ FetchPlan (what comes along) ─▶ FetchQueue (what goes next) ─▶ RangeSource
///                                                                                              │ bytes, transport's thread
///     reads answered ◀─ StoredLayer.store (digest checked) ◀─ MemberDecoder (worker threads) ◀─ RangeAssembler
///
/// One per process, shared by all layers, with one budget. Each chunk is on its way at most once. It never blocks a caller, and it never lets a
/// byte through whose digest did not match. Lock order: none is ever taken with another held; completions run with no lock held.
public final class ChunkFetcher: Sendable {
    private let store: LayerStore
    private let log: Logger
    private let queue = Mutex(FetchQueue<FetchJob>())
    private let decodes: WorkQueue<@Sendable (MemberDecoder) -> Void>
    private let threads: [NativeThread]

    /// Compressed bytes of one prefetch range; a demand that comes in between waits for no more than this.
    private static let prefetchRange: UInt64 = 4 << 20

    /// Starts the engine.
    ///
    /// - Parameter decoders: threads that inflate and verify; two keep up with several gigabits.
    /// - Throws: `ThreadError`.
    public init(store: LayerStore, log: Logger, decoders: Int = 2) throws {
        self.store = store
        self.log = log
        let work = WorkQueue<@Sendable (MemberDecoder) -> Void>()
        decodes = work
        threads = try (0..<decoders).map { index in
            try NativeThread.start(name: "decode-\(index)") {
                let decoder = MemberDecoder()
                while let decode = work.next() { decode(decoder) }
            }
        }
    }

    /// Ends the engine: ranges that wait or are under way fail, running decodes finish; a demand that comes afterwards fails at once.
    public func shutdown() {
        let (waiting, active) = queue.withLock { $0.close() }
        for job in waiting { fail(job, with: FetchError.shutDown) }
        for job in active { job.cancel() }
        decodes.close()
        for thread in threads { thread.join() }
    }

    /// Makes chunks of a layer readable and then calls `completion`, once: at once when they are here, else from another thread.
    public func demand(
        _ wanted: ClosedRange<Int>, of layer: LazyLayer, completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        var missing: [Int] = []
        for index in wanted where !layer.stored.isPresent(index) && !takeFromOtherLayer(index, layer) { missing.append(index) }
        let (started, joined, read) = layer.flights.withLock { flights in board(missing, of: layer, &flights, completion) }
        guard read else { return completion(.success(())) }
        let refused = queue.withLock { queue in
            for job in joined { queue.promote(job) }
            return started.filter { !queue.add($0, .demand) }
        }
        for job in refused { fail(job, with: FetchError.shutDown) }
        pump()
    }

    /// Fetches what lies before a blob offset (a prefetch landmark) and is not here, behind all demands.
    public func prefetch(_ layer: LazyLayer, upTo end: UInt64) {
        let map = layer.stored.chunks
        var index = 0
        while index < map.count, map.chunk(index).blobOffset < end {
            let job = layer.flights.withLock { flights -> FetchJob? in
                func isWanted(_ index: Int) -> Bool { !layer.stored.isPresent(index) && flights.underWay[index] == nil }
                guard isWanted(index) else { return nil }
                let window = min(ChunkFetcher.prefetchRange, end - map.chunk(index).blobOffset)
                let extent = FetchPlan.members(around: index, upTo: window, in: map, isWanted: isWanted)
                return launch(extent, of: layer, &flights)
            }
            index = job.map { $0.extent.upperBound + 1 } ?? index + 1
            if let job, !queue.withLock({ $0.add(job, .prefetch) }) { return fail(job, with: FetchError.shutDown) }
        }
        pump()
    }

    /// Under the layer's lock: joins flights that are under way and starts the others. Returns jobs to start, jobs to hurry, and whether anything is awaited.
    private func board(
        _ missing: [Int], of layer: LazyLayer, _ flights: inout LazyLayer.Flights,
        _ completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> (started: [FetchJob], joined: [FetchJob], isAwaited: Bool) {
        // Looked at again under the lock: a chunk is marked present before its flight is removed.
        let missing = missing.filter { !layer.stored.isPresent($0) }
        guard !missing.isEmpty else { return ([], [], false) }
        let read = PendingRead(missing: missing.count, completion: completion)
        var started: [FetchJob] = []
        var joined: [FetchJob] = []
        for index in missing {
            if let flight = flights.underWay[index] {
                joined.append(flight.job)
            } else {
                let underWay = flights.underWay
                let extent = flights.plan.extent(ofMissAt: index, in: layer.stored.chunks) {
                    !layer.stored.isPresent($0) && underWay[$0] == nil
                }
                let job = launch(extent, of: layer, &flights)
                // Whatever the bitmap says now: another process may have stored the chunk since, and the read must have its flight.
                if flights.underWay[index] == nil { flights.underWay[index] = LazyLayer.Flight(job: job, waiters: []) }
                started.append(job)
            }
            flights.underWay[index]?.waiters.append(read)
        }
        return (started, joined, true)
    }

    private func launch(_ extent: ClosedRange<Int>, of layer: LazyLayer, _ flights: inout LazyLayer.Flights) -> FetchJob {
        let job = FetchJob(layer: layer, extent: extent)
        for chunk in extent where !layer.stored.isPresent(chunk) && flights.underWay[chunk] == nil {
            flights.underWay[chunk] = LazyLayer.Flight(job: job, waiters: [])
        }
        return job
    }

    private func takeFromOtherLayer(_ index: Int, _ layer: LazyLayer) -> Bool {
        do {
            return try store.copyFromOtherLayer(chunk: index, to: layer.stored)
        } catch {
            log.warning(
                "copying a chunk from another layer failed; fetching it", metadata: ["layer": "\(layer.digest)", "error": "\(error)"])
            return false
        }
    }

    private func pump() {
        while let (job, priority) = queue.withLock({ $0.start(size: \.size) }) { stream(job, priority) }
    }

    private func stream(_ job: FetchJob, _ priority: FetchPriority) {
        job.layer.statistics.countRequest()
        let transfer = job.layer.source.stream(
            job.blobRange,
            receive: { [self] bytes in
                job.layer.statistics.countBytes(bytes.count)
                job.assembler.withLock { assembler in
                    assembler.receive(bytes) { member in enqueue(member, of: job, priority) }
                }
                return true
            },
            completion: { [self] result in
                if let missing = job.assembler.withLock({ $0.firstMissing }) {
                    let error: any Error =
                        if case .failure(let error) = result { error } else { FetchError.truncated(layer: job.layer.digest) }
                    report(error, job.layer)
                    for index in missing...job.extent.upperBound { land(index, of: job, .failure(error)) }
                }
                close(job, priority)
            })
        job.started(transfer)
    }

    private func enqueue(_ member: RangeAssembler.Member, of job: FetchJob, _ priority: FetchPriority) {
        job.memberOpened()
        let accepted = decodes.add { [self] decoder in
            decode(member, of: job, decoder)
            close(job, priority)
        }
        if !accepted {
            for index in member.chunks { land(index, of: job, .failure(FetchError.shutDown)) }
            close(job, priority)
        }
    }

    private func decode(_ member: RangeAssembler.Member, of job: FetchJob, _ decoder: MemberDecoder) {
        for index in member.chunks {
            guard !job.layer.stored.isPresent(index) else {
                land(index, of: job, .success(()))
                continue
            }
            do {
                try decoder.withChunk(index, of: member, in: job.layer.stored.chunks) { bytes in
                    try job.layer.stored.store(bytes, chunk: index)
                }
                land(index, of: job, .success(()))
            } catch {
                report(error, job.layer)
                land(index, of: job, .failure(error))
            }
        }
        decoder.forgetMember()
    }

    /// A chunk is here, or will not come by this job: whoever waits for it is told.
    private func land(_ index: Int, of job: FetchJob, _ result: Result<Void, any Error>) {
        let waiters = job.layer.flights.withLock { flights -> [PendingRead] in
            guard let flight = flights.underWay[index], flight.job === job else { return [] }
            flights.underWay[index] = nil
            return flight.waiters
        }
        for waiter in waiters { waiter.chunkArrived(result, statistics: job.layer.statistics) }
    }

    private func fail(_ job: FetchJob, with error: any Error) {
        for index in job.extent { land(index, of: job, .failure(error)) }
    }

    private func close(_ job: FetchJob, _ priority: FetchPriority) {
        guard job.partClosed() else { return }
        queue.withLock { $0.finish(job, size: job.size, priority) }
        pump()
    }

    // A layer that fails, fails for every read: the 1st, 2nd, 4th, 8th … failure is worth a line.
    private func report(_ error: any Error, _ layer: LazyLayer) {
        // Whoever shut the engine down knows.
        guard !queue.withLock(\.isClosed) else { return }
        layer.statistics.countFailure()
        let count = layer.statistics.snapshot.failures
        guard count & (count - 1) == 0 else { return }
        log.error("fetch failed", metadata: ["layer": "\(layer.digest)", "error": "\(error)", "failures": "\(count)"])
    }
}
