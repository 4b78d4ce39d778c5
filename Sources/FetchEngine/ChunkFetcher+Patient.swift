internal import ChunkStore
internal import Synchronization
internal import Threads
internal import TreeImage

// What nobody waits for: prefetch up to landmarks, and completion. Planned on the timer's thread, a range at a time.
extension ChunkFetcher {
    /// Fetches what lies before a blob offset (a prefetch landmark; 0 for none) and is not here, behind all demands. What came with the layer's
    /// opening is taken, too.
    public func prefetch(_ layer: LazyLayer, upTo end: UInt64) {
        let prefix = layer.takePrefix()
        guard end > 0 || prefix != nil else { return layer.endTurn() }
        state.withLock { $0.addGoal(PatientGoals.Goal(layer: layer, priority: .prefetch, end: end, prefix: prefix), at: .now) }
        planSoon()
    }

    /// Asks for nothing more of what lies before a layer's landmark; what was asked for comes.
    public func forgetPrefetch(_ layer: LazyLayer) { state.withLock { $0.goals.remove(layer, .prefetch) } }

    /// Fetches whatever is left of a layer, when nothing more urgent is to do and the options allow it. `LazyLayer.onComplete` tells the end.
    public func complete(_ layer: LazyLayer) {
        guard !layer.noteIfComplete() else { return }
        state.withLock { $0.addGoal(PatientGoals.Goal(layer: layer, priority: .background, end: .max), at: .now) }
        planSoon()
    }

    /// Ends everything that is under way for a layer; reads that wait for it fail. It may be demanded again.
    public func release(_ layer: LazyLayer) { giveUp(layer, with: FetchError.closed(layer: layer.digest)) }

    /// Arranges the planner's next turn, unless an earlier one is arranged.
    func planSoon(after delay: Duration = .zero) {
        let time = ContinuousClock.now + delay
        guard state.withLock({ $0.planning.arrange(time) }) else { return }
        timer.run(after: delay) { [weak self] in
            guard let self, state.withLock({ $0.planning.keep(time) }) else { return }
            plan()
        }
    }

    func noteIfComplete(_ layer: LazyLayer) {
        guard layer.stored.bytesPresent >= layer.stored.chunks.contentBytes, !layer.isComplete else { return }
        // The scan of the bits is not for a decoder's thread, with a member in its hands.
        timer.run { if layer.noteIfComplete() { self.state.withLock { $0.goals.remove(layer) } } }
    }

    /// Chunks that a turn copies from other layers at most before it lets the deadlines have theirs.
    private static let mostCopies = 64

    private func plan() {
        var copies = 0
        while true {
            switch state.withLock({ $0.turn(at: .now) }) {
            case .nothing: return
            case .wait(let time): return planSoon(after: max(time, .milliseconds(1)))
            case .plan(let goal, let bytes):
                plan(goal, bytes, &copies)
                if copies >= ChunkFetcher.mostCopies { return planSoon() }
            }
        }
    }

    private func plan(_ goal: PatientGoals.Goal, _ bytes: UInt64, _ copies: inout Int) {
        let (layer, map) = (goal.layer, goal.layer.stored.chunks)
        var index = goal.cursor
        let end = max(goal.end, goal.prefix?.range.upperBound ?? 0)
        while index < map.count, case let chunk = map.chunk(index), chunk.blobOffset < end {
            guard copies < ChunkFetcher.mostCopies else { return state.withLock { $0.goals.advance(goal, to: index) } }
            defer { index += 1 }
            guard !layer.stored.isPresent(index) else { continue }
            guard !takeFromOtherLayer(index, layer) else {
                copies += 1
                continue
            }
            let job = layer.flights.withLock { flights -> FetchJob? in self.job(at: index, of: goal, bytes, &flights) }
            guard let job else { continue }
            let accepted = state.withLock { state in
                state.goals.advance(goal, to: job.extent.upperBound + 1)
                return state.add(job, at: .now)
            }
            if !accepted { fail(job, with: FetchError.shutDown) }
            return pump()
        }
        finish(goal)
    }

    private func job(at index: Int, of goal: PatientGoals.Goal, _ bytes: UInt64, _ flights: inout LazyLayer.Flights) -> FetchJob? {
        let (layer, map) = (goal.layer, goal.layer.stored.chunks)
        let underWay = flights.underWay
        func isWanted(_ index: Int) -> Bool { !layer.stored.isPresent(index) && underWay[index] == nil }
        guard isWanted(index) else { return nil }
        let start = map.chunk(index).blobOffset
        let front = goal.prefix.flatMap { $0.range.contains(start) ? $0 : nil }
        let window = front.map { $0.range.upperBound - start } ?? min(bytes, goal.end - start)
        let extent = FetchPlan.members(around: index, upTo: window, in: map, isWanted: isWanted)
        return launch(
            FetchJob(layer: layer, extent: extent, cause: goal.priority, canBeCut: goal.priority == .background, prefix: front), &flights)
    }

    // Nothing more to ask for: done, or under way, or it came to nothing and the goal begins anew.
    private func finish(_ goal: PatientGoals.Goal) {
        if goal.priority == .prefetch { goal.layer.endTurn() }
        if goal.priority == .prefetch || goal.layer.noteIfComplete() {
            return state.withLock { $0.goals.remove(goal.layer, goal.priority) }
        }
        state.withLock { $0.goals.advance(goal, to: nil, resting: .now + .seconds(1)) }
    }
}
