/// How urgent a range is. A container waits for demand, soon will for prefetch, and may never for background.
public enum FetchPriority: Int, CaseIterable, Comparable, Sendable {
    case demand, prefetch, background

    /// Orders from most to least urgent.
    public static func < (left: FetchPriority, right: FetchPriority) -> Bool { left.rawValue < right.rawValue }
}

/// Which range goes next: one budget of ranges and bytes for the whole process, the more urgent first. A pure value, guarded by its owner.
///
/// Ranges that nobody waits for (prefetch, background) are *patient*. A demand always finds a place that patient ones cannot take, and the
/// patient ones have a place that demands cannot take: nothing waits for ever, however much of the other there is.
struct FetchQueue<Job: AnyObject> {
    /// What is under way at most.
    struct Limits {
        /// Ranges in all; registries and HTTP/1.1 connections are few.
        var active = 24
        /// Patient ranges: prefetches and background ones.
        var prefetch = 2
        var background = 2
        /// Small ranges cost their round trip and hardly any bytes: that many prefetches may be under way, and for each background range that many, as long as
        /// all of the kind are that few bytes together. (What is left of a layer that was read here and there is small ranges.)
        var smallPrefetches = 16
        var smallForBackground = 4
        var smallBytes: UInt64 = 2 << 20
        /// Prefetches up to that size take no place of another but one of the small ones.
        var tinyPrefetch: UInt64 = 64 << 10
        /// Compressed bytes asked for and not yet decoded; it bounds the memory of everything that is on its way. One job is always allowed.
        var bytes: UInt64 = 48 << 20
        var patientBytes: UInt64 = 32 << 20
    }

    /// A job and what it is charged.
    struct Entry {
        let job: Job
        let size: UInt64
        var priority: FetchPriority
        var order: ReadOrder
    }

    var limits = Limits()
    private var waiting: [[Entry]] = FetchPriority.allCases.map { _ in [] }
    private var active: [ObjectIdentifier: Entry] = [:]

    /// Whether `close` was called.
    private(set) var isClosed = false

    /// Adds a job to those of its priority, behind all whose order is no later; false when the queue is closed.
    mutating func add(_ job: Job, size: UInt64, _ priority: FetchPriority, order: ReadOrder = .first) -> Bool {
        guard !isClosed else { return false }
        let earlier = waiting[priority.rawValue].lastIndex { $0.order <= order }
        waiting[priority.rawValue].insert(
            Entry(job: job, size: size, priority: priority, order: order), at: earlier.map { $0 + 1 } ?? 0)
        return true
    }

    /// A read waits for a job now: it goes before what nobody waits for, and under way it takes no patient place any more.
    mutating func promote(_ job: Job) {
        active[ObjectIdentifier(job)]?.priority = .demand
        for priority in [FetchPriority.prefetch, .background] {
            guard let index = waiting[priority.rawValue].firstIndex(where: { $0.job === job }) else { continue }
            var entry = waiting[priority.rawValue].remove(at: index)
            (entry.priority, entry.order) = (.demand, .first)
            waiting[FetchPriority.demand.rawValue].append(entry)
        }
    }

    /// Takes the next job that the budget allows.
    ///
    /// - Parameter isOpen: whether patient jobs may start now, as far as others are concerned.
    mutating func start(isOpen: Bool = true) -> Job? {
        for priority in FetchPriority.allCases where priority == .demand || isOpen {
            guard let entry = waiting[priority.rawValue].first else { continue }
            guard hasBytes(for: entry) else {
                // What is less urgent must not take the bytes that this one waits for.
                return nil
            }
            guard hasPlace(for: entry) else { continue }
            waiting[priority.rawValue].removeFirst()
            active[ObjectIdentifier(entry.job)] = entry
            return entry.job
        }
        return nil
    }

    /// Gives back what a started job was charged.
    mutating func finish(_ job: Job) { active[ObjectIdentifier(job)] = nil }

    /// Takes out what waits and what is under way and matches; the latter stays until its `finish`.
    mutating func remove(where matches: (Job) -> Bool) -> (waiting: [Job], active: [Job]) {
        let removed = waiting.flatMap { $0 }.map(\.job).filter(matches)
        for priority in FetchPriority.allCases { waiting[priority.rawValue].removeAll { matches($0.job) } }
        return (removed, active.values.map(\.job).filter(matches))
    }

    /// Takes no more jobs: everything that waits, removed, and everything that is under way, which stays until its `finish`.
    mutating func close() -> (waiting: [Job], active: [Job]) {
        isClosed = true
        return remove { _ in true }
    }

    /// Jobs of a priority that wait.
    func waitingCount(_ priority: FetchPriority) -> Int { waiting[priority.rawValue].count }

    /// Whether a job under way is charged as one that nobody waits for.
    func isPatient(_ job: Job) -> Bool { active[ObjectIdentifier(job)].map { $0.priority != .demand } ?? false }

    /// Jobs under way that nobody waits for.
    var activePatients: [Job] { active.values.filter { $0.priority != .demand }.map(\.job) }

    /// Jobs under way of a priority; a promoted one is a demand.
    func activeCount(_ priority: FetchPriority) -> Int { active.values.count { $0.priority == priority } }

    private func hasBytes(for entry: Entry) -> Bool {
        let all = active.values.reduce(0) { $0 + $1.size }
        guard entry.priority != .demand else { return active.isEmpty || all + entry.size <= limits.bytes }
        let patient = active.values.reduce(0) { $0 + ($1.priority == .demand ? 0 : $1.size) }
        return active.isEmpty || (all + entry.size <= limits.bytes && patient + entry.size <= limits.patientBytes)
    }

    private func hasPlace(for entry: Entry) -> Bool {
        let patient = activeCount(.prefetch) + activeCount(.background)
        let demands = active.count - patient
        let patientsWait = waitingCount(.prefetch) + waitingCount(.background) > 0
        guard active.count < limits.active else { return false }
        switch entry.priority {
        case .demand: return demands < limits.active - (patientsWait || patient > 0 ? 1 : 0)
        case .prefetch: return hasPlace(forPrefetch: entry)
        case .background: return hasPlaceForBackground(of: entry.size)
        }
    }

    /// Whether one more background range of some size could start, as far as those of its kind are concerned.
    func hasPlaceForBackground(of size: UInt64) -> Bool {
        let sizes = active.values.lazy.filter { $0.priority == .background }.map(\.size)
        guard sizes.count >= limits.background else { return true }
        return sizes.count < limits.smallForBackground * limits.background && sizes.reduce(size, +) <= limits.smallBytes
    }

    private func hasPlace(forPrefetch entry: Entry) -> Bool {
        let prefetches = active.values.filter { $0.priority == .prefetch }
        let isTiny = entry.size <= limits.tinyPrefetch
        if !isTiny, prefetches.count(where: { $0.size > limits.tinyPrefetch }) < limits.prefetch { return true }
        return prefetches.count < limits.smallPrefetches
            && (isTiny || prefetches.reduce(entry.size, { $0 + $1.size }) <= limits.smallBytes)
    }
}
