public import ChunkStore
internal import HostSystem
public import Logging
public import StartTrace
internal import Synchronization
internal import Threads
internal import TreeImage

/// The fetch engine: turns misses into range requests, and their bytes into verified chunks in the store.
///
///     read misses ─▶ demand ─▶ FetchPlan (what comes along) ─┐
///     landmarks, completion ─▶ goals ─▶ planner's thread ────┴▶ FetchQueue (what goes next) ─▶ RangeSource
///                                                                    ▲ the rest, again             │ bytes, transport's thread
///                                                                    └──────── RetryPlan ◀─ failed ┤
///     reads answered ◀─ StoredLayer.store (digest checked) ◀─ MemberDecoder (worker threads) ◀─ RangeAssembler
///
/// One per process, shared by all layers, with one budget. Each chunk is on its way at most once. It never blocks a caller, and it never lets a
/// byte through whose digest did not match. A registry that fails is asked again for as long as a read waits and its deadline allows; nothing
/// remembers a failure, so a later read asks anew. Lock order: none is ever taken with another held; completions run with no lock held.
public final class ChunkFetcher: Sendable {
    let store: LayerStore
    let log: Logger
    let options: FetchOptions
    let state: Mutex<FetchState>
    let reads = ReadDeadlines()
    let decodes: WorkQueue<@Sendable (MemberDecoder) -> Void>
    /// Deadlines, waits between attempts, and the planner of what nobody waits for.
    let timer: TimerThread
    private let threads: [NativeThread]

    /// How long a decoder without work keeps its buffers: much longer than a round trip, for the next member may be on its way.
    private static let patience = Duration.seconds(2)

    /// Starts the engine.
    ///
    /// - Throws: `ThreadError`.
    public init(store: LayerStore, log: Logger, options: FetchOptions = FetchOptions()) throws {
        self.store = store
        self.log = log
        self.options = options
        state = Mutex(FetchState(options, at: .now))
        let work = WorkQueue<@Sendable (MemberDecoder) -> Void>()
        decodes = work
        timer = try TimerThread(name: "fetch-plan")
        threads = try (0..<max(1, options.decoders)).map { index in
            try NativeThread.start(name: "decode-\(index)") {
                var decoder = MemberDecoder()
                while let decode = work.next(
                    restingAfter: ChunkFetcher.patience,
                    {
                        // Its buffers, and what fetching has left free between what is in use.
                        decoder = MemberDecoder()
                        ProcessMemory.returnUnused()
                    })
                {
                    decode(decoder)
                }
            }
        }
    }

    /// Ends the engine: ranges that wait or are under way fail, running decodes finish; a demand that comes afterwards fails at once.
    public func shutdown() {
        giveUp(nil, with: FetchError.shutDown)
        timer.shutdown()
        decodes.close()
        for thread in threads { thread.join() }
    }

    /// Makes chunks of a layer readable and then calls `completion`, once: at once when they are here, else from another thread.
    ///
    /// - Parameter place: what reads them, for the record of a start.
    public func demand(
        _ wanted: ClosedRange<Int>, of layer: LazyLayer, for place: ReadPlace? = nil,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        var missing: [Int] = []
        for index in wanted where !layer.stored.isPresent(index) && !takeFromOtherLayer(index, layer) { missing.append(index) }
        guard !missing.isEmpty else { return completion(.success(())) }
        let (traced, completion) = layer.traced(place, completion)
        let (started, joined, read) = layer.flights.withLock { flights in board(missing, of: layer, &flights, traced, completion) }
        guard read != nil else { return completion(.success(())) }
        watchDeadlines()
        if started.isEmpty { layer.statistics.count { $0.demandsJoined += 1 } }
        let (refused, cut) = state.withLock { $0.demand(started, joined: joined, of: layer, at: .now) }
        for job in refused { fail(job, with: FetchError.shutDown) }
        for job in cut { job.cut() }
        pump()
    }

    /// Under the layer's lock: joins flights that are under way and starts the others. Returns jobs to start, jobs to hurry, and the read that waits;
    /// nil when everything has come meanwhile.
    private func board(
        _ missing: [Int], of layer: LazyLayer, _ flights: inout LazyLayer.Flights, _ traced: ReadTrace?,
        _ completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> (started: [FetchJob], joined: [FetchJob], read: PendingRead?) {
        // Looked at again under the lock: a chunk is marked present before its flight is removed.
        let missing = missing.filter { !layer.stored.isPresent($0) }
        guard !missing.isEmpty else { return ([], [], nil) }
        let read = pendingRead(missing.count, of: layer, isDemand: true, completion)
        var started: [FetchJob] = []
        var joined: [FetchJob] = []
        for missed in missing {
            let index = flights.underWay[missed] == nil ? layer.firstSource(of: missed) : missed
            if let flight = flights.underWay[index] {
                if !started.contains(where: { $0 === flight.job }), !joined.contains(where: { $0 === flight.job }) {
                    joined.append(flight.job)
                }
            } else {
                let underWay = flights.underWay
                let extent = flights.plan.extent(ofMissAt: index, in: layer.stored.chunks) {
                    !layer.stored.isPresent($0) && underWay[$0] == nil
                }
                let job = launch(FetchJob(layer: layer, extent: extent, cause: .demand), &flights)
                // Whatever the bitmap says now: another process may have stored the chunk since, and the read must have its flight.
                if flights.underWay[index] == nil { flights.underWay[index] = LazyLayer.Flight(job: job, waiters: []) }
                started.append(job)
            }
            flights.underWay[index]?.waiters.append(read)
            if started.contains(where: { $0 === flights.underWay[index]?.job }) { flights.underWay[index]?.isAsked = true }
        }
        traced?.waits(for: started.compactMap(\.traced), andJoins: joined.compactMap(\.traced))
        return (started, joined, read)
    }

    /// Somebody who waits for so many chunks of a layer from now on, no longer than a read may. `watchDeadlines` has to follow.
    func pendingRead(
        _ count: Int, of layer: LazyLayer, isDemand: Bool, _ completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> PendingRead {
        let id = reads.nextID()
        let read = PendingRead(count, of: layer, deadline: .now + options.readTimeout, isDemand: isDemand) { [reads] result in
            reads.remove(id)
            completion(result)
        }
        reads.add(read, id)
        return read
    }

    /// Under the layer's lock: puts the chunks of a job into the air.
    func launch(_ job: FetchJob, _ flights: inout LazyLayer.Flights) -> FetchJob {
        for chunk in job.extent where !job.layer.stored.isPresent(chunk) && flights.underWay[chunk] == nil {
            flights.underWay[chunk] = LazyLayer.Flight(job: job, waiters: [])
        }
        return job
    }

    func takeFromOtherLayer(_ index: Int, _ layer: LazyLayer) -> Bool {
        do {
            return try store.copyFromOpenLayer(chunk: index, to: layer.stored)
        } catch {
            log.warning(
                "copying a chunk from another layer failed; fetching it", metadata: ["layer": "\(layer.digest)", "error": "\(error)"])
            return false
        }
    }

    /// Everything that is under way for a layer, or for all when the engine ends, ends with an error.
    func giveUp(_ layer: LazyLayer?, with error: any Error) {
        let (waiting, active) = state.withLock { state in
            if let layer { state.goals.remove(layer) }
            return state.remove(layer)
        }
        for job in waiting { fail(job, with: error) }
        for job in active { job.cut() }
        for read in reads.all where layer == nil || read.layer === layer { read.fail(error) }
    }

    // MARK: Deadlines of reads

    func watchDeadlines() {
        if reads.needsSweep() { sweepLater() }
    }

    private func sweepLater() {
        let tick = min(max(options.readTimeout / 8, .milliseconds(10)), .seconds(1))
        timer.run(after: tick) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        let expired = reads.expired(at: .now)
        for read in expired {
            let last = read.layer.flights.withLock(\.lastFailure)
            read.fail(FetchError.timedOut(layer: read.layer.digest, after: options.readTimeout, last: last))
        }
        if reads.continuesSweep() { sweepLater() }
    }
}
