internal import ChunkStore
internal import TreeImage

/// What is to be fetched although nobody waits for it, layer by layer, and how far each has come: a pure value.
struct PatientGoals {
    /// The chunks of a layer before a blob offset.
    struct Goal {
        let layer: LazyLayer
        let priority: FetchPriority
        let end: UInt64
        /// The blob's front, when it is on its way already.
        var prefix: PrefixFetch?
        /// Next chunk to look at.
        var cursor = 0
        /// Not before that time, after a failure.
        var rests: ContinuousClock.Instant?
        var failures = 0
    }

    private var goals: [Goal] = []

    /// How long a goal rests after a failure: doubling from the first to the last.
    private static let rest = Duration.seconds(15)
    private static let mostDoublings = 5

    mutating func add(_ goal: Goal) {
        remove(goal.layer, goal.priority)
        goals.append(goal)
    }

    mutating func remove(_ layer: LazyLayer, _ priority: FetchPriority? = nil) {
        goals.removeAll { $0.layer === layer && (priority == nil || $0.priority == priority) }
    }

    func isEmpty(_ priority: FetchPriority) -> Bool { !goals.contains { $0.priority == priority } }

    /// The next goal of a priority that does not rest. Prefetches take turns, for a container needs the fronts of all its layers; layers are
    /// completed one after the other, for a complete one is worth more than two halves.
    ///
    /// - Parameter first: layers that come before all others, in that order.
    mutating func next(_ priority: FetchPriority, first: [LazyLayer] = [], at now: ContinuousClock.Instant) -> Goal? {
        func isReady(_ goal: Goal) -> Bool { goal.priority == priority && (goal.rests ?? now) <= now }
        let preferred = first.lazy.compactMap { [goals] layer in goals.firstIndex { $0.layer === layer && isReady($0) } }.first
        guard let index = preferred ?? goals.firstIndex(where: isReady) else { return nil }
        let goal = goals[index]
        if priority == .prefetch {
            goals.remove(at: index)
            goals.append(goal)
        }
        return goal
    }

    /// When the first goal of a priority has rested; nil when none rests.
    func nextRested(_ priority: FetchPriority) -> ContinuousClock.Instant? {
        goals.filter { $0.priority == priority }.compactMap(\.rests).min()
    }

    /// A goal has come as far as `cursor`; nil brings it back to the front.
    mutating func advance(_ goal: Goal, to cursor: Int?, resting until: ContinuousClock.Instant? = nil) {
        change(goal.layer, goal.priority) { goal in
            goal.cursor = cursor ?? 0
            goal.prefix = nil
            goal.rests = until
        }
    }

    /// A range of the layer has failed for good, or could not be kept: the goal rests, and begins anew then.
    mutating func failed(_ layer: LazyLayer, at now: ContinuousClock.Instant) {
        change(layer, .background) { goal in
            // Those that were under way together fail together.
            guard (goal.rests ?? now) <= now else { return }
            goal.rests = now + PatientGoals.rest * (1 << min(goal.failures, PatientGoals.mostDoublings))
            goal.failures += 1
            goal.cursor = 0
        }
    }

    private mutating func change(_ layer: LazyLayer, _ priority: FetchPriority, _ body: (inout Goal) -> Void) {
        guard let index = goals.firstIndex(where: { $0.layer === layer && $0.priority == priority }) else { return }
        body(&goals[index])
    }
}
