/// How urgent a range is. A container waits for demand, soon will for prefetch, and may never for background.
public enum FetchPriority: Int, CaseIterable, Comparable, Sendable {
    case demand, prefetch, background

    /// Orders from most to least urgent.
    public static func < (left: FetchPriority, right: FetchPriority) -> Bool { left.rawValue < right.rawValue }
}

/// Which range goes next: one budget of ranges and bytes for the whole process, the more urgent first. A pure value, guarded by its owner.
struct FetchQueue<Job: AnyObject> {
    /// Ranges under way at most; registries and HTTP/1.1 connections are few.
    static var maximumActive: Int { 12 }
    /// Of these, ranges that nobody waits for yet: a demand always finds a free place.
    static var maximumPatient: Int { 4 }
    /// Compressed bytes asked for and not yet decoded, at most; it bounds the memory of everything that is on its way. One job is always allowed.
    static var maximumBytes: UInt64 { 48 << 20 }

    private var waiting: [[Job]] = FetchPriority.allCases.map { _ in [] }
    private var active: [Job] = []
    private var activePatient = 0
    private var activeBytes: UInt64 = 0

    /// Whether `close` was called.
    private(set) var isClosed = false

    /// Adds a job at the end of its priority; false when the queue is closed.
    mutating func add(_ job: Job, _ priority: FetchPriority) -> Bool {
        if !isClosed { waiting[priority.rawValue].append(job) }
        return !isClosed
    }

    /// Makes a waiting job a demand; nothing when it is under way already.
    mutating func promote(_ job: Job) {
        for priority in FetchPriority.allCases where priority != .demand {
            if let index = waiting[priority.rawValue].firstIndex(where: { $0 === job }) {
                waiting[FetchPriority.demand.rawValue].append(waiting[priority.rawValue].remove(at: index))
                return
            }
        }
    }

    /// Takes the next job that the budget allows, with the priority it is charged under.
    mutating func start(size: (Job) -> UInt64) -> (job: Job, priority: FetchPriority)? {
        for priority in FetchPriority.allCases {
            guard let job = waiting[priority.rawValue].first else { continue }
            let patient = priority != .demand
            guard active.count < FetchQueue.maximumActive, !patient || activePatient < FetchQueue.maximumPatient,
                active.isEmpty || activeBytes + size(job) <= FetchQueue.maximumBytes
            else { return nil }
            waiting[priority.rawValue].removeFirst()
            active.append(job)
            activePatient += patient ? 1 : 0
            activeBytes += size(job)
            return (job, priority)
        }
        return nil
    }

    /// Gives back what a started job was charged.
    mutating func finish(_ job: Job, size: UInt64, _ priority: FetchPriority) {
        active.removeAll { $0 === job }
        activePatient -= priority == .demand ? 0 : 1
        activeBytes -= size
    }

    /// Takes no more jobs: everything that waits, removed, and everything that is under way, which stays until its `finish`.
    mutating func close() -> (waiting: [Job], active: [Job]) {
        isClosed = true
        defer { waiting = FetchPriority.allCases.map { _ in [] } }
        return (waiting.flatMap { $0 }, active)
    }
}
