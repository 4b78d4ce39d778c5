public import ChunkStore
public import Digests
public import StartTrace
internal import Synchronization
internal import TreeImage

/// A layer that is being used: what is stored of it, where the rest comes from, and which chunks are on their way.
public final class LazyLayer: Sendable {
    /// Tree, chunk map and contents.
    public let stored: StoredLayer
    /// Counts for status and metrics.
    public let statistics = LayerStatistics()
    /// How long things took, for metrics.
    public let operations = LayerOperations()
    /// What of it was fetched ahead, and read.
    public let use: ChunkUse
    /// Who takes down what is fetched of it and what waits; nil for nobody.
    public let trace: TraceRecorder?
    let source: any RangeSource
    let flights = Mutex(Flights())
    private let completion = Mutex(Completion())
    /// The blob's front, when it was asked for before the layer was opened; taken once.
    private let prefix: Mutex<PrefixFetch?>
    private let turn = Mutex<OpeningTurn?>(nil)

    /// Chunks on their way, each with those who wait for it. Guarded by `flights`.
    struct Flights {
        var underWay: [Int: Flight] = [:]
        var plan = FetchPlan()
        /// What went wrong last, for who waits too long.
        var lastFailure: String?

        /// Reads that still wait for one of the chunks.
        func isAwaited(_ chunks: ClosedRange<Int>, by job: FetchJob) -> Bool {
            chunks.contains { index in
                guard let flight = underWay[index], flight.job === job else { return false }
                return flight.waiters.contains { $0.isAwaited }
            }
        }

        /// Takes the chunks of a job out of the air.
        mutating func remove(_ chunks: ClosedRange<Int>, of job: FetchJob) -> [PendingRead] {
            var waiters: [PendingRead] = []
            for index in chunks {
                guard let flight = underWay[index], flight.job === job else { continue }
                underWay[index] = nil
                waiters += flight.waiters
            }
            return waiters
        }
    }

    /// One chunk on its way: the job that brings it and the reads that wait.
    struct Flight {
        var job: FetchJob
        var waiters: [PendingRead]
        /// Whether a read asked for it when its range was made up; else it comes ahead, whoever has joined since.
        var isAsked = false
    }

    private struct Completion {
        var isComplete = false
        var actions: [@Sendable () -> Void] = []
    }

    /// Digest of the layer's blob.
    public var digest: Digest { stored.digest }

    /// A layer whose missing chunks come from `source`.
    public convenience init(stored: StoredLayer, source: any RangeSource) { self.init(stored: stored, source: source, prefix: nil) }

    init(stored: StoredLayer, source: any RangeSource, prefix: PrefixFetch?, trace: TraceRecorder? = nil) {
        self.stored = stored
        self.source = source
        self.trace = trace
        self.prefix = Mutex(prefix)
        use = ChunkUse(stored.chunks)
        noteIfComplete()
    }

    /// A range of that cause has brought a chunk.
    func brought(_ index: Int, _ cause: FetchPriority) {
        guard cause != .background, !flights.withLock({ $0.underWay[index]?.isAsked ?? false }) else { return }
        // Nobody reads a repetition.
        use.cameUnasked(stored.chunks.original(of: index) ?? index)
    }

    /// The chunk whose coming makes a missing one readable first: its repetition before the landmark, where there is one.
    func firstSource(of index: Int) -> Int {
        guard let repetition = stored.chunks.repetition(of: index), !stored.isPresent(repetition) else { return index }
        return repetition
    }

    /// Compressed bytes that are not here, as if all compressed alike.
    var missingBytes: Double {
        let content = Double(stored.chunks.contentBytes)
        guard content > 0 else { return 0 }
        return Double(stored.facts.blobSize) * max(0, 1 - Double(stored.bytesPresent) / content)
    }

    /// Other processes wait with opening the layer until what came with its opening is claimed.
    func keep(_ turn: OpeningTurn?) { self.turn.withLock { $0 = turn } }

    /// The others' turn.
    func endTurn() { turn.withLock { $0 = nil } }

    func takePrefix() -> PrefixFetch? { prefix.withLock { $0.take() } }

    /// Whether all chunks are here: the content file is the whole content, and nothing will be asked of the registry any more.
    public var isComplete: Bool { completion.withLock { $0.isComplete } }

    /// Runs `action` once when the layer is complete: at once when it is, else from a thread of the engine, which it must not hold up.
    public func onComplete(_ action: @escaping @Sendable () -> Void) {
        let isComplete = completion.withLock { completion in
            if !completion.isComplete { completion.actions.append(action) }
            return completion.isComplete
        }
        if isComplete { action() }
    }

    /// Looks whether the last chunk has come; true when it has.
    @discardableResult
    func noteIfComplete() -> Bool {
        // The sum may lag behind the bits after a killed process: only the bits count. Looking at all of them is cheap, and rare.
        guard !isComplete, (0..<stored.chunks.count).allSatisfy({ stored.isPresent($0) }) else { return isComplete }
        let actions = completion.withLock { completion in
            completion.isComplete = true
            defer { completion.actions = [] }
            return completion.actions
        }
        for action in actions { action() }
        return true
    }
}
