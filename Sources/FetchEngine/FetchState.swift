internal import ChunkStore
internal import TreeImage

/// What the engine decides with: queue, budget, link, goals. A value behind the engine's one lock; time comes from outside.
struct FetchState {
    var queue: FetchQueue<FetchJob>
    var link = LinkEstimate()
    var goals = PatientGoals()
    /// Jobs that wait for their next attempt.
    private var resting: [ObjectIdentifier: FetchJob] = [:]
    private var bucket: TokenBucket?
    private let completesLayers: Bool
    private var demanded: ContinuousClock.Instant?
    private var recent = RecentDemands()
    private var opened: ContinuousClock.Instant
    private var fetchedInBackground: ContinuousClock.Instant
    /// The planner's next turn, and the next look at the queue when the bandwidth limit holds it.
    var planning = Appointment()
    var pumping = Appointment()

    /// Link time of one prefetch range: what a demand on a slow link waits for at most before its own bytes, times the few that are under way.
    private static let prefetchTime = Duration.milliseconds(300)
    private static let prefetchBytes: ClosedRange<UInt64> = 1 << 20...8 << 20
    private static let prefetchUnknown: UInt64 = 4 << 20
    /// Background ranges at most, whatever is wanted.
    private static let mostBackground = 4
    /// Prefetch ranges that wait in the queue, where a demand can find and promote them.
    private static let prefetchStock = 4
    /// What is left of a background range that would hold up a demand for longer is given up.
    private static let cutTime = Duration.milliseconds(200)

    init(_ options: FetchOptions, at now: ContinuousClock.Instant) {
        queue = FetchQueue()
        queue.limits.background = max(1, min(options.backgroundStreams, FetchState.mostBackground))
        bucket = options.bandwidthLimit.map { TokenBucket(bytesPerSecond: $0, at: now) }
        completesLayers = options.completesLayers
        (opened, fetchedInBackground) = (now, now)
    }

    // MARK: Demands

    /// A read misses: jobs that others wait for already are hurried, and what stands in the way is told to make way.
    ///
    /// - Returns: jobs that were refused because the engine is shut down, and jobs to cut.
    mutating func demand(
        _ started: [FetchJob], joined: [FetchJob], of layer: LazyLayer, at now: ContinuousClock.Instant
    ) -> (refused: [FetchJob], cut: [FetchJob]) {
        demanded = now
        recent.note(layer, at: now)
        for job in joined { queue.promote(job) }
        let refused = started.filter { !queue.add($0, size: $0.size, .demand) }
        guard !started.isEmpty else { return (refused, []) }
        let bearable = link.bytes(in: FetchState.cutTime, unknown: .max, within: 0 ... .max)
        return (refused, queue.activePatients.filter { $0.canBeCut && $0.size > bearable })
    }

    /// What comes next.
    enum Start {
        case job(FetchJob)
        /// The bandwidth limit lets nothing start before that.
        case later(ContinuousClock.Instant)
        case nothing
    }

    mutating func start(at now: ContinuousClock.Instant) -> Start {
        let opening = bucket?.opening(at: now) ?? now
        guard let job = queue.start(isOpen: opening <= now) else {
            let patientsWait = queue.waitingCount(.prefetch) + queue.waitingCount(.background) > 0
            return opening > now && patientsWait ? .later(opening) : .nothing
        }
        if queue.isPatient(job) { bucket?.take(job.size, at: now) }
        return .job(job)
    }

    // MARK: Attempts

    mutating func rest(_ job: FetchJob) { resting[ObjectIdentifier(job)] = job }

    /// Ends a job's rest; false when it was given up meanwhile.
    mutating func wake(_ job: FetchJob) -> Bool { resting.removeValue(forKey: ObjectIdentifier(job)) != nil }

    /// Takes out everything of a layer, or of all: what nobody works on, and what is under way.
    mutating func remove(_ layer: LazyLayer?) -> (waiting: [FetchJob], active: [FetchJob]) {
        if let layer { recent.remove(layer) }
        func matches(_ job: FetchJob) -> Bool { layer == nil || job.layer === layer }
        let rested = resting.values.filter(matches)
        for job in rested { resting[ObjectIdentifier(job)] = nil }
        let (waiting, active) = layer == nil ? queue.close() : queue.remove(where: matches)
        return (waiting + rested, active)
    }

    // MARK: Patient ranges

    mutating func addGoal(_ goal: PatientGoals.Goal, at now: ContinuousClock.Instant) {
        if goal.priority == .background {
            guard completesLayers else { return }
            if goals.isEmpty(.background) { fetchedInBackground = now }
            opened = now
        }
        goals.add(goal)
    }

    /// What the planner is to do.
    enum Turn {
        /// Find the next range of a goal, of at most so many bytes.
        case plan(PatientGoals.Goal, bytes: UInt64)
        case wait(Duration)
        case nothing
    }

    mutating func turn(at now: ContinuousClock.Instant) -> Turn {
        guard !queue.isClosed else { return .nothing }
        let largest = bucket?.largestPiece ?? .max
        if queue.waitingCount(.prefetch) < FetchState.prefetchStock, let goal = goals.next(.prefetch, at: now) {
            let bytes = link.bytes(in: FetchState.prefetchTime, unknown: FetchState.prefetchUnknown, within: FetchState.prefetchBytes)
            return .plan(goal, bytes: min(bytes, largest))
        }
        guard queue.waitingCount(.background) == 0, queue.hasPlaceForBackground(of: 0) else { return .nothing }
        let used = recent.layers(at: now)
        guard let goal = goals.next(.background, first: used, at: now) else {
            return goals.nextRested(.background).map { .wait(max(now.duration(to: $0), .zero)) } ?? .nothing
        }
        switch BackgroundPolicy.decide(facts(used, at: now)) {
        case .wait(let time): return .wait(time)
        case .start(let time):
            let bytes = link.bytes(in: time, unknown: BackgroundPolicy.unknown, within: BackgroundPolicy.bytes)
            return .plan(goal, bytes: min(bytes, largest))
        }
    }

    /// A range of a goal was found.
    mutating func add(_ job: FetchJob, at now: ContinuousClock.Instant) -> Bool {
        if job.cause == .background { fetchedInBackground = now }
        return queue.add(job, size: job.size, job.cause, order: job.order)
    }

    private func facts(_ used: [LazyLayer], at now: ContinuousClock.Instant) -> BackgroundPolicy.Facts {
        let demands = queue.activeCount(.demand) + queue.waitingCount(.demand)
        let prefetches = queue.activeCount(.prefetch) + queue.waitingCount(.prefetch)
        var facts = BackgroundPolicy.Facts(
            sinceDemand: demanded.map { $0.duration(to: now) }, sinceOpening: opened.duration(to: now),
            sinceBackground: fetchedInBackground.duration(to: now),
            isBusy: demands + prefetches > 0 || !goals.isEmpty(.prefetch), present: used.reduce(0) { $0 + $1.stored.bytesPresent },
            content: used.reduce(0) { $0 + $1.stored.chunks.contentBytes })
        // Whoever waits for a prefetch has it coming.
        if goals.isEmpty(.prefetch) {
            facts.waited = .nanoseconds(used.reduce(0) { $0 + $1.statistics.snapshot.demandWaitNanoseconds })
            facts.rest = link.time(for: used.reduce(0) { $0 + $1.missingBytes })
        }
        return facts
    }
}

/// The earliest of several wishes to be called: later ones need no call of their own.
struct Appointment {
    private var time: ContinuousClock.Instant?

    /// Whether a call has to be arranged for that time.
    mutating func arrange(_ wanted: ContinuousClock.Instant) -> Bool {
        if let time, time <= wanted { return false }
        time = wanted
        return true
    }

    /// The call arranged for a time comes; false when an earlier one took its place.
    mutating func keep(_ arranged: ContinuousClock.Instant) -> Bool {
        guard time == arranged else { return false }
        time = nil
        return true
    }
}
