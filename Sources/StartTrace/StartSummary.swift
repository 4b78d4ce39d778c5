/// Sums over a start.
public struct StartSummary: Encodable, Equatable, Sendable {
    /// Microseconds until the container wrote its first byte; nil when that was not seen.
    public let firstOutput: UInt64?
    /// Microseconds until its end, or as long as it was recorded.
    public let end: UInt64
    /// Bytes of the image's layers.
    public let imageBytes: UInt64
    /// Bytes of all answers' bodies.
    public let fetchedBytes: UInt64
    /// Requests.
    public let requests: Int
    /// Reads that reached us.
    public let reads: UInt64
    /// Of these: reads that waited.
    public let waits: UInt64
    /// Of these: before the first output, or the end.
    public let waitsBefore: UInt64
    /// Microseconds during which at least one waited, until the first output or the end.
    public let waitUnion: UInt64
    /// Bytes of files that came ahead, and were read.
    public let hitBytes: UInt64
    /// Bytes of files that came ahead, and were not.
    public let wasteBytes: UInt64
    /// Where the time went until the first output, or the end: in order, in microseconds.
    public let parts: [Part]

    /// A part of the time.
    public struct Part: Encodable, Equatable, Sendable {
        /// What went on.
        public enum Kind: String, Encodable, Sendable {
            /// Making ready: store, mounts, threads.
            case preparing
            /// Manifest and tokens.
            case resolving
            /// Opening the layers and putting them together.
            case opening
            /// Root file system and bundle.
            case bundle
            /// The OCI runtime, until the program runs.
            case runtime
            /// Reads that waited, the runtime's and the program's.
            case waiting
            /// The program, when no read of it waited.
            case program
        }

        /// What went on.
        public let kind: Kind
        /// Microseconds.
        public let time: UInt64
    }

    init(_ record: StartRecord, _ requests: [StartTimeline.Request]) {
        let events = record.events
        firstOutput = events.marks[.firstOutput]
        end = events.marks[.exit] ?? events.duration
        imageBytes = record.layers.reduce(0) { $0 + $1.size }
        fetchedBytes = requests.reduce(0) { $0 + $1.request.bytes }
        self.requests = requests.count + events.leftOut.requests
        let waits = record.layers.reduce(0) { $0 + $1.waits }
        self.waits = max(waits, UInt64(events.reads.count + events.leftOut.reads))
        reads = max(self.waits, record.layers.reduce(0) { $0 + $1.reads })
        (hitBytes, wasteBytes) = record.layers.reduce((0, 0)) { ($0.0 + $1.hitBytes, $0.1 + $1.wasteBytes) }
        let last = events.marks[.firstOutput] ?? end
        waitsBefore = UInt64(events.reads.count { $0.start < last })
        waitUnion = TimeSpans(events.reads.map { ($0.start, $0.end) }).length(within: 0..<max(last, 1))
        parts = StartSummary.parts(events, until: last)
    }

    /// The steps follow each other; where reads waited, the time is theirs.
    private static func parts(_ events: TraceEvents, until last: UInt64) -> [Part] {
        func spans(_ lane: TraceSpan.Lane) -> [TraceSpan] { events.spans.filter { $0.lane == lane } }
        let begun = spans(.resolve).map(\.start).min() ?? 0
        let resolved = spans(.layers).map(\.start).min() ?? spans(.resolve).map(\.end).max() ?? begun
        let runtime = min(events.marks[.runtime] ?? last, last)
        let opened = spans(.layers).map(\.end).filter { $0 <= runtime }.max() ?? resolved
        let program = min(events.marks[.program] ?? last, last)
        let reads = TimeSpans(events.reads.map { ($0.start, $0.end) })
        var parts: [Part] = []
        var (time, waited): (UInt64, UInt64) = (0, 0)
        let ends: [(Part.Kind, UInt64)] = [
            (.preparing, begun), (.resolving, resolved), (.opening, opened), (.bundle, runtime), (.runtime, program), (.program, last),
        ]
        for (kind, end) in ends {
            let waits = reads.length(within: time..<max(time, end))
            parts.append(Part(kind: kind, time: max(time, end) - time - waits))
            (time, waited) = (max(time, end), waited + waits)
        }
        parts.insert(Part(kind: .waiting, time: waited), at: parts.count - 1)
        return parts.filter { $0.time > 0 }
    }
}
