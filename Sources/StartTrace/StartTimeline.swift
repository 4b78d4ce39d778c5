/// A start made ready to be shown: what belongs together is joined, sums are made, and what is too much is left out. Pure.
public struct StartTimeline: Encodable, Sendable {
    /// The image as the user named it.
    public let image: String
    /// The container's command line.
    public let command: [String]
    /// How the container sees lazy layers.
    public let mode: String
    /// Seconds since 1970 at the beginning.
    public let beganAt: Int64
    /// Its layers.
    public let layers: [TraceLayer]
    /// Steps of the start, by their beginning.
    public let spans: [TraceSpan]
    /// Requests, by their beginning.
    public let requests: [Request]
    /// The reads that waited longest, by their beginning.
    public let reads: [Read]
    /// Moments.
    public let marks: [TraceMark: UInt64]
    /// The container's.
    public let exitStatus: Int?
    /// Sums.
    public let summary: StartSummary
    /// What to do about it.
    public let advice: [StartAdvice]
    /// What is not here.
    public let leftOut: TraceEvents.LeftOut

    /// A request and what it was for.
    public struct Request: Encodable, Equatable, Sendable {
        /// The request.
        public let request: TraceRequest
        /// What it was for.
        public let purpose: Purpose
        /// Place of its layer; nil when it was of none.
        public let layer: Int?
        /// Microseconds that its range waited for its turn before.
        public let queued: UInt64
        /// Ids of the engine's ranges that it brought.
        public let ranges: [Int]
    }

    /// What a request is for.
    public enum Purpose: String, Encodable, CaseIterable, Sendable {
        /// Finding out what the image is: manifest, configuration.
        case resolve
        /// A token for other requests.
        case token
        /// Looking for the image's profile.
        case profile
        /// A layer's table of contents.
        case opening
        /// Bytes that a read waits for.
        case demand
        /// Bytes before a landmark, or before anything is known of the layer.
        case prefetch
        /// Bytes that will be read as something names them, or the profile says.
        case prediction
        /// Completing a layer.
        case background
        /// A layer that is not lazy.
        case pull
    }

    /// A read that waited.
    public struct Read: Encodable, Equatable, Sendable {
        /// The read.
        public let read: TraceRead
        /// Place of its layer.
        public let layer: Int
        /// Why it waited, for people.
        public let why: String
    }

    /// Reads that are shown.
    public static let mostReads = 2_000

    /// Makes a record ready.
    public init(_ record: StartRecord) {
        let events = record.events
        let joined = RequestJoin(record).requests
        (image, command, mode, beganAt) = (record.image, record.command, record.mode, events.beganAt)
        (layers, marks, exitStatus) = (record.layers, events.marks, events.exitStatus)
        spans = events.spans.sorted { ($0.start, $1.end) < ($1.start, $0.end) }
        requests = joined
        let shown = events.reads.sorted { $0.wait > $1.wait }.prefix(StartTimeline.mostReads).sorted { $0.start < $1.start }
        let places = record.layerPlaces
        let byRange = ReadReasons(joined, events.ranges)
        reads = shown.map { Read(read: $0, layer: places[$0.layer] ?? 0, why: byRange.why($0)) }
        var leftOut = events.leftOut
        leftOut.reads += events.reads.count - shown.count
        self.leftOut = leftOut
        summary = StartSummary(record, joined)
        advice = StartAdvice.all(record, summary)
    }

    /// The reads that cost most, the longest wait first.
    public func costliest(_ count: Int) -> [Read] { Array(reads.sorted { $0.read.wait > $1.read.wait }.prefix(count)) }
}
