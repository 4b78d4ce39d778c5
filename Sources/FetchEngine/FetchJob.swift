internal import ChunkStore
internal import Digests
internal import Registry
internal import StartTrace
internal import Synchronization
internal import TreeImage

/// One range request: a run of whole members of one layer, from asking to the last decoded chunk, over as many attempts as it takes.
///
///     begin ─▶ receive … ─▶ partClosed (the transfer's end, and each member's) ─▶ outcome ─▶ begin again for the rest, or done
final class FetchJob: Sendable {
    let layer: LazyLayer
    let extent: ClosedRange<Int>
    /// Why it was made, whoever waits for it now.
    let cause: FetchPriority
    /// Its place among those of the same urgency.
    let order: ReadOrder
    /// Whether its members came once and were wrong; wrong again is an error.
    let isSecondTry: Bool
    /// Whether it makes way for a demand.
    let canBeCut: Bool
    /// Where the first attempt gets its bytes, when some are on their way already.
    private let prefix: PrefixFetch?
    /// Its record, when the start is recorded.
    let traced: RangeTrace?
    /// Touched by the transport's thread only while the range streams.
    private let assembler: Mutex<RangeAssembler>
    /// The transfer itself and every member handed to a decoder, each once; the attempt ends at zero.
    private let open = Atomic<Int>(0)
    private let state = Mutex(State())

    private struct State {
        var retry = RetryPlan()
        /// Whether the attempt reads the front that is on its way already; the first one does where there is such a front.
        var isFront = false
        var isFirst = true
        var start: UInt64 = 0
        var transfer: (any CancellableTransfer)?
        var isCut = false
        var hasBegun = false
        var error: (any Error)?
        var wrong: [ClosedRange<Int>] = []
        /// Whether other processes keep off its chunks.
        var hasClaim = false
        /// Since when another process has some of them.
        var stoodBack: ContinuousClock.Instant?
    }

    /// For so long another process is believed to fetch what it says: who is stuck must not hold up all.
    private static let patience = Duration.seconds(5)

    /// Takes the chunks for this process, before an attempt; false while another one fetches some of them.
    func claim(at now: ContinuousClock.Instant) -> Bool {
        let isTaken = layer.stored.claim(extent)
        return state.withLock { state in
            state.hasClaim = isTaken
            guard !isTaken else { return true }
            let since = state.stoodBack ?? now
            state.stoodBack = since
            return since.duration(to: now) > FetchJob.patience
        }
    }

    /// The attempt has ended.
    func unclaim() {
        let hadClaim = state.withLock { state in
            defer { state.hasClaim = false }
            return state.hasClaim
        }
        if hadClaim { layer.stored.unclaim(extent) }
    }

    init(
        layer: LazyLayer, extent: ClosedRange<Int>, cause: FetchPriority, order: ReadOrder = .first, isSecondTry: Bool = false,
        canBeCut: Bool = false, prefix: PrefixFetch? = nil
    ) {
        self.layer = layer
        self.extent = extent
        self.cause = cause
        self.order = order
        self.isSecondTry = isSecondTry
        self.canBeCut = canBeCut
        self.prefix = prefix
        traced = layer.trace.map { RangeTrace($0, of: layer.digest.description, extent: extent, cause: FetchCause(cause, order)) }
        assembler = Mutex(RangeAssembler(map: layer.stored.chunks, extent: extent))
    }

    /// What is still to be asked for; empty when everything has come.
    var rest: Range<UInt64> { assembler.withLock { min($0.position, $0.end)..<$0.end } }

    /// Compressed bytes still to be asked for.
    var size: UInt64 { UInt64(rest.count) }

    /// An attempt begins: the range to ask for, and whom.
    func begin() -> (range: Range<UInt64>, source: any RangeSource, isAsked: Bool) {
        open.store(1, ordering: .relaxed)
        let rest = rest
        let isFront = state.withLock { state in
            state.isFront = state.isFirst && prefix != nil
            state.isFirst = false
            state.start = rest.lowerBound
            state.transfer = nil
            state.isCut = false
            state.hasBegun = false
            state.error = nil
            return state.isFront
        }
        traced?.began(rest, isFront: isFront)
        if isFront, let prefix { return (rest, prefix, true) }
        return (rest, layer.source, false)
    }

    /// Keeps the transfer for `cut`, which may have come before it.
    func started(_ started: any CancellableTransfer) {
        let isCut = state.withLock { state in
            state.transfer = started
            return state.isCut
        }
        if isCut { started.cancel() }
    }

    /// Ends the attempt: something more urgent comes, or nobody wants the layer any more.
    func cut() {
        let started = state.withLock { state in
            state.isCut = true
            return state.transfer
        }
        started?.cancel()
    }

    /// Takes bytes of the answer; `member` gets those that are whole now.
    func receive(_ bytes: UnsafeRawBufferPointer, _ member: (RangeAssembler.Member) -> Void) {
        assembler.withLock { assembler in
            assembler.receive(bytes) { whole in
                open.add(1, ordering: .relaxed)
                member(whole)
            }
        }
    }

    /// Bytes come; true for the first time in this attempt.
    func begins() -> Bool {
        state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
    }

    /// The transfer has ended; true when bytes came.
    func ended(_ result: Result<Void, any Error>) -> Bool {
        traced?.ended(result)
        return state.withLock { state in
            if case .failure(let error) = result { state.error = error }
            return state.hasBegun
        }
    }

    /// The bytes of a member were wrong.
    func wasWrong(_ chunks: ClosedRange<Int>) { state.withLock { $0.wrong.append(chunks) } }

    /// Returns true when nothing of the attempt is left.
    func partClosed() -> Bool { open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }

    /// What an attempt left undone.
    struct Outcome {
        /// Whether what is missing was not asked for yet: the front that was on its way already ended before it.
        var isUnasked: Bool
        /// Chunks that did not come, and why.
        var missing: (chunks: ClosedRange<Int>, error: any Error)?
        /// Chunks that came wrong.
        var wrong: [ClosedRange<Int>]
        var isCut: Bool
    }

    /// The attempt has ended.
    func outcome() -> Outcome {
        let first = assembler.withLock(\.firstMissing)
        return state.withLock { state in
            let isUnasked = state.isFront && state.error == nil && first != nil
            let missing = first.map { ($0...extent.upperBound, state.error ?? FetchError.truncated(layer: layer.digest)) }
            defer { state.wrong = [] }
            return Outcome(isUnasked: isUnasked, missing: missing, wrong: FetchPlan.joined(state.wrong), isCut: state.isCut)
        }
    }

    /// Decides about another attempt after one that failed.
    func retry(after error: any Error, isAwaited: Bool, waits: RetryPlan.Waits) -> RetryPlan.Decision {
        let position = assembler.withLock(\.position)
        return state.withLock { state in
            state.retry.failed(
                RetryAdvice(error), isAwaited: isAwaited, moved: position - state.start, waits: waits, chance: .random(in: 0...1))
        }
    }
}
