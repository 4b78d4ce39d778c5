internal import ChunkStore
internal import Logging
internal import Metrics
internal import Registry
internal import Synchronization
internal import Threads
internal import TreeImage

// One attempt of a job: its bytes, its members, and what is to be done about what it leaves.
extension ChunkFetcher {
    /// Starts what the budget allows.
    func pump() {
        while true {
            switch state.withLock({ $0.start(at: .now) }) {
            case .job(let job): stream(job)
            case .later(let time): return pump(at: time)
            case .nothing: return
            }
        }
    }

    private func pump(at time: ContinuousClock.Instant) {
        guard state.withLock({ $0.pumping.arrange(time) }) else { return }
        timer.run(after: ContinuousClock.now.duration(to: time)) { [weak self] in
            guard let self, state.withLock({ $0.pumping.keep(time) }) else { return }
            pump()
        }
    }

    private func stream(_ job: FetchJob) {
        guard job.claim(at: .now), !hasArrived(job) else { return standBack(job) }
        job.layer.endTurn()
        let (range, source, isAsked) = job.begin()
        guard !range.isEmpty else { return close(job) }
        if !isAsked { job.layer.statistics.count { $0.requests += 1 } }
        let start = MonotonicClock.nanoseconds()
        let transfer = source.stream(
            range,
            receive: { [self] bytes in
                job.layer.statistics.countBytes(bytes.count, job.cause)
                let isFirst = job.begins()
                state.withLock { $0.link.received(bytes.count, isFirst: isFirst, at: .now) }
                job.receive(bytes) { enqueue($0, of: job) }
                return true
            },
            completion: { [self] result in
                job.layer.operations.registryGet.count(since: start)
                if job.ended(result) { state.withLock { $0.link.ended() } }
                close(job)
            })
        job.started(transfer)
    }

    private func enqueue(_ member: RangeAssembler.Member, of job: FetchJob) {
        let accepted = decodes.add { [self] decoder in
            decode(member, of: job, decoder)
            close(job)
        }
        guard !accepted else { return }
        land(member.chunks, of: job, .failure(FetchError.shutDown))
        close(job)
    }

    private func decode(_ member: RangeAssembler.Member, of job: FetchJob, _ decoder: MemberDecoder) {
        defer { decoder.forgetMember() }
        for index in member.chunks {
            do {
                if !job.layer.stored.isPresent(index) {
                    try decoder.withChunk(index, of: member, in: job.layer.stored.chunks) { try job.layer.stored.store($0, chunk: index) }
                    job.layer.brought(index, job.cause)
                }
                land(index...index, of: job, .success(()))
            } catch {
                report(error, job.layer)
                guard FaultKind(error) == .wrongBytes, !job.isSecondTry else {
                    land(index...index, of: job, .failure(error))
                    continue
                }
                return job.wasWrong(index...member.chunks.upperBound)
            }
        }
        // A full disk: who reads gets it from memory, but fetching what nobody reads would go on for ever.
        if job.cause != .demand, member.chunks.contains(where: { !job.layer.stored.isPresent($0) }) {
            state.withLock { $0.goals.failed(job.layer, at: .now) }
        }
        noteIfComplete(job.layer)
    }

    private func close(_ job: FetchJob) {
        guard job.partClosed() else { return }
        job.unclaim()
        state.withLock { $0.queue.finish(job) }
        let outcome = job.outcome()
        if !outcome.wrong.isEmpty { refetch(outcome.wrong, of: job) }
        if let (chunks, error) = outcome.missing { goOn(job, chunks, after: error, outcome) }
        pump()
        planSoon()
    }

    // Bytes that are not the chunk's: once more, from elsewhere where there is another place.
    private func refetch(_ wrong: [ClosedRange<Int>], of job: FetchJob) {
        job.layer.source.doubt()
        for chunks in wrong {
            let again = FetchJob(layer: job.layer, extent: chunks, cause: job.cause, order: job.order, isSecondTry: true)
            let isAwaited = job.layer.flights.withLock { flights in
                let isAwaited = flights.isAwaited(chunks, by: job)
                for index in chunks where flights.underWay[index]?.job === job { flights.underWay[index]?.job = again }
                return isAwaited
            }
            job.layer.statistics.count { $0.retries += 1 }
            if !state.withLock({ $0.queue.add(again, size: again.size, isAwaited ? .demand : job.cause) }) {
                fail(again, with: FetchError.shutDown)
            }
        }
    }

    // The rest of a range that ended early: asked for again, now or later, or given up.
    private func goOn(_ job: FetchJob, _ chunks: ClosedRange<Int>, after error: any Error, _ outcome: FetchJob.Outcome) {
        if outcome.isUnasked, !outcome.isCut {
            state.withLock { $0.rest(job) }
            return wake(job)
        }
        if outcome.isCut { job.layer.statistics.count { $0.cuts += 1 } } else { report(error, job.layer) }
        let isOver = state.withLock { $0.queue.isClosed }
        let (decision, waiters) = job.layer.flights.withLock { flights -> (RetryPlan.Decision, [PendingRead]) in
            let isAwaited = flights.isAwaited(chunks, by: job)
            var decision = RetryPlan.Decision.giveUp
            if outcome.isCut {
                if isAwaited, !isOver { decision = .again(after: .zero) }
            } else if !isOver {
                flights.lastFailure = "\(error)"
                decision = job.retry(after: error, isAwaited: isAwaited, waits: options.waits)
            }
            return (decision, decision == .giveUp ? flights.remove(chunks, of: job) : [])
        }
        switch decision {
        case .again(let time): rest(job, time)
        case .giveUp:
            for waiter in waiters { waiter.fail(isOver ? FetchError.shutDown : error) }
            if !outcome.isCut { state.withLock { $0.goals.failed(job.layer, at: .now) } }
        }
    }

    private func rest(_ job: FetchJob, _ time: Duration) {
        job.layer.statistics.count { $0.retries += 1 }
        state.withLock { $0.rest(job) }
        guard time > .zero else { return wake(job) }
        timer.run(after: time) { [weak self] in self?.wake(job) }
    }

    private func wake(_ job: FetchJob) {
        guard state.withLock({ $0.wake(job) }) else { return }
        let isAwaited = job.layer.flights.withLock { $0.isAwaited(job.extent, by: job) }
        let accepted = state.withLock { $0.queue.add(job, size: job.size, isAwaited ? .demand : job.cause) }
        if !accepted { fail(job, with: FetchError.shutDown) }
        pump()
    }

    /// Chunks are here, or will not come by this job: whoever waits for them is told.
    func land(_ chunks: ClosedRange<Int>, of job: FetchJob, _ result: Result<Void, any Error>) {
        let waiters = job.layer.flights.withLock { $0.remove(chunks, of: job) }
        for waiter in waiters {
            switch result {
            case .success: waiter.chunkArrived()
            case .failure(let error): waiter.fail(error)
            }
        }
    }

    func fail(_ job: FetchJob, with error: any Error) { land(job.extent, of: job, .failure(error)) }

    // A layer that fails, fails for every read: the 1st, 2nd, 4th, 8th … failure is worth a line.
    private func report(_ error: any Error, _ layer: LazyLayer) {
        // Whoever shut the engine down knows.
        guard !state.withLock({ $0.queue.isClosed }) else { return }
        let count = layer.statistics.countFault(FaultKind(error)) + 1
        guard count & (count - 1) == 0 else { return }
        log.error("fetch failed", metadata: ["layer": "\(layer.digest)", "error": "\(error)", "failures": "\(count)"])
    }
}
