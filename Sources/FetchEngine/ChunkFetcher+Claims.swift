internal import ChunkStore
internal import Synchronization
internal import Threads

// Several processes with one store: each chunk is fetched by one of them, and the others find it there.
extension ChunkFetcher {
    /// How often a job looks whether another process has what it wants: a tenth of a short round trip.
    private static let pause = Duration.milliseconds(3)

    /// Whether another process has brought some of what a job wants, before the claim.
    func hasArrived(_ job: FetchJob) -> Bool {
        job.layer.flights.withLock { flights in
            job.extent.contains { flights.underWay[$0]?.job === job && job.layer.stored.isPresent($0) }
        }
    }

    /// Another process fetches some of what a job wants: it waits, and wants what is left then.
    func standBack(_ job: FetchJob) {
        job.unclaim()
        state.withLock { state in
            state.queue.finish(job)
            state.rest(job)
        }
        timer.run(after: ChunkFetcher.pause) { [weak self] in self?.lookAgain(job) }
    }

    private func lookAgain(_ job: FetchJob) {
        guard state.withLock({ $0.wake(job) }) else { return }
        let stored = job.layer.stored
        let arrived = job.extent.filter(stored.isPresent)
        for chunk in arrived { land(chunk...chunk, of: job, .success(())) }
        if !arrived.isEmpty { noteIfComplete(job.layer) }
        for next in arrived.isEmpty ? [job] : rest(of: job) {
            let isAwaited = job.layer.flights.withLock { $0.isAwaited(next.extent, by: next) }
            let accepted = state.withLock { $0.queue.add(next, size: next.size, isAwaited ? .demand : job.cause, order: job.order) }
            if !accepted { fail(next, with: FetchError.shutDown) }
        }
        pump()
        planSoon()
    }

    /// Jobs for the chunks of a job that have not come, each a run of them.
    private func rest(of job: FetchJob) -> [FetchJob] {
        job.layer.flights.withLock { flights in
            let missing = job.extent.filter { flights.underWay[$0]?.job === job }
            return FetchPlan.joined(missing.map { $0...$0 }).map { run in
                let next = FetchJob(
                    layer: job.layer, extent: run, cause: job.cause, order: job.order, isSecondTry: job.isSecondTry, canBeCut: job.canBeCut)
                for chunk in run { flights.underWay[chunk]?.job = next }
                return next
            }
        }
    }
}
