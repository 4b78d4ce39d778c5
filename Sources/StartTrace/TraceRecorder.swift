internal import Glibc
internal import Metrics
internal import Synchronization

// StartTrace: what happened while a container started, and how it is shown.
//
//     Registry (requests) ─┐
//     FetchEngine (ranges, reads that wait) ─┼─▶ TraceRecorder ─▶ StartRecord ─▶ TracePage (HTML), ChromeTrace (JSON), WhyReport (text)
//     LazyFS, starling run (what took how long) ─┘
//
// Everything here is about values in memory: no files, no mounts, no network. Whoever observes holds an optional recorder, nil when nobody wants
// a trace, and asks it only where a request, a miss or a step of the start passes: never where a read finds its bytes.

/// Takes down what happens during one start, from any thread. Bounded: of what comes too late only the number is kept.
public final class TraceRecorder: Sendable {
    private let origin = MonotonicClock.nanoseconds()
    /// Seconds since 1970 when it began.
    private let beganAt = Int64(time(nil))
    private let limits: Limits
    private let state = Mutex(State())

    /// How much is kept.
    public struct Limits: Sendable {
        /// Reads that waited.
        public var reads = 20_000
        /// Requests, and as many ranges.
        public var requests = 5_000
        /// Steps of the start.
        public var spans = 2_000

        /// A few megabytes at most.
        public init() {}
    }

    private struct State {
        var events = TraceEvents()
        var nextRange = 0
    }

    /// Begins now.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Microseconds since the beginning.
    public var now: UInt64 { (MonotonicClock.nanoseconds() - origin) / 1000 }

    /// A step of the start begins; it is taken down when it ends.
    public func begin(_ lane: TraceSpan.Lane, _ name: String, layer: String? = nil) -> OpenSpan {
        OpenSpan(recorder: self, lane: lane, name: name, layer: layer, start: now)
    }

    /// A step that is under way.
    public struct OpenSpan: Sendable {
        let recorder: TraceRecorder
        let lane: TraceSpan.Lane
        let name: String
        let layer: String?
        let start: UInt64

        /// It has ended.
        public func end(_ detail: String? = nil) {
            recorder.add(TraceSpan(lane: lane, name: name, detail: detail, layer: layer, start: start, end: recorder.now))
        }
    }

    /// Something happens for the first time; later times do not count.
    public func mark(_ mark: TraceMark) {
        let now = now
        state.withLock { state in
            if state.events.marks[mark] == nil { state.events.marks[mark] = now }
        }
    }

    /// The end of everything: the last time counts.
    public func markExit(_ status: Int32) {
        let now = now
        state.withLock { state in
            state.events.marks[.exit] = now
            state.events.exitStatus = Int(status)
        }
    }

    /// Numbers of ranges, each once.
    func nextRange() -> Int {
        state.withLock { state in
            defer { state.nextRange += 1 }
            return state.nextRange
        }
    }

    func add(_ span: TraceSpan) {
        state.withLock { state in
            if state.events.spans.count < limits.spans { state.events.spans.append(span) } else { state.events.leftOut.spans += 1 }
        }
    }

    func add(_ request: TraceRequest) {
        state.withLock { state in
            guard state.events.requests.count < limits.requests else { return state.events.leftOut.requests += 1 }
            state.events.requests.append(request)
        }
    }

    func add(_ range: TraceRange) {
        state.withLock { state in if state.events.ranges.count < limits.requests { state.events.ranges.append(range) } }
    }

    func add(_ read: TraceRead) {
        state.withLock { state in
            if state.events.reads.count < limits.reads { state.events.reads.append(read) } else { state.events.leftOut.reads += 1 }
        }
    }

    /// What was taken down so far.
    public var events: TraceEvents {
        state.withLock { state in
            var events = state.events
            (events.beganAt, events.duration) = (beganAt, now)
            return events
        }
    }
}
