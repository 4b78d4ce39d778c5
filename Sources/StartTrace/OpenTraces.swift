internal import Synchronization

/// A request under way. Its bytes come on one thread; its end may come on another.
public final class RequestTrace: Sendable {
    private let recorder: TraceRecorder
    private let request: Mutex<TraceRequest>

    /// A request goes out.
    ///
    /// - Parameters:
    ///   - subject: what is asked for: a tag, a digest.
    ///   - range: value of its `Range` header.
    public init(_ recorder: TraceRecorder, _ kind: TraceRequest.Kind, _ subject: String, host: String, range: String? = nil) {
        self.recorder = recorder
        request = Mutex(TraceRequest(kind: kind, subject: subject, host: host, range: range, start: recorder.now))
    }

    /// Bytes of the body have come.
    public func received(_ count: Int) {
        request.withLock { request in
            if request.firstByte == nil { request.firstByte = recorder.now }
            request.bytes += UInt64(count)
        }
    }

    /// It is over, once.
    public func ended(status: Int?, failure: String? = nil) {
        recorder.add(
            request.withLock { request in
                (request.end, request.status, request.failure) = (recorder.now, status, failure)
                return request
            })
    }
}

/// A range of a layer from its being planned to its end, over all attempts.
public final class RangeTrace: Sendable {
    private let recorder: TraceRecorder
    private let range: Mutex<TraceRange>
    /// Number of the range.
    public let id: Int
    /// Why it is asked for.
    public let cause: FetchCause

    /// A range waits for being asked for.
    ///
    /// - Parameter extent: the chunks that it brings.
    public init(_ recorder: TraceRecorder, of layer: String, extent: ClosedRange<Int>, cause: FetchCause) {
        self.recorder = recorder
        (id, self.cause) = (recorder.nextRange(), cause)
        range = Mutex(TraceRange(id: id, layer: layer, extent: extent, cause: cause, queued: recorder.now))
    }

    /// An attempt begins.
    ///
    /// - Parameter isFront: whether it reads what was asked for when the layer was opened.
    public func began(_ bytes: Range<UInt64>, isFront: Bool) {
        guard let last = bytes.last else { return }
        range.withLock { range in
            (range.start, range.end, range.failure) = (recorder.now, 0, nil)
            (range.bytes, range.isFront) = (bytes.lowerBound...last, isFront)
        }
    }

    /// The attempt's last byte has come, or none will.
    public func ended(_ failure: String?) {
        recorder.add(
            range.withLock { range in
                (range.end, range.failure) = (recorder.now, failure)
                defer {
                    range.attempt += 1
                    range.queued = range.end
                }
                return range
            })
    }

    /// When it was asked for, and how often so far.
    var progress: (start: UInt64, attempts: Int) { range.withLock { ($0.start, $0.end == 0 ? $0.attempt : $0.attempt - 1) } }
}

/// A read that waits, from its miss to its answer.
public final class ReadTrace: Sendable {
    private let recorder: TraceRecorder
    private let layer: String
    private let place: ReadPlace
    private let start: UInt64
    private let ranges = Mutex<(started: [RangeTrace], joined: [RangeTrace])>(([], []))

    /// A read begins to wait.
    public init(_ recorder: TraceRecorder, of layer: String, _ place: ReadPlace) {
        self.recorder = recorder
        (self.layer, self.place, start) = (layer, place, recorder.now)
    }

    /// It waits for ranges: those that were planned for it, and those that others had planned. Before any of them can end.
    public func waits(for started: [RangeTrace], andJoins joined: [RangeTrace]) { ranges.withLock { $0 = (started, joined) } }

    /// It was answered.
    ///
    /// - Parameter program: name of the reading process's program.
    public func ended(isFailed: Bool, program: String?) {
        let (started, joined) = ranges.withLock { $0 }
        guard !started.isEmpty || !joined.isEmpty else { return }
        let end = recorder.now
        let progress = (started + joined).map(\.progress)
        let asked = progress.map { max($0.start, start) }.max() ?? start
        let facts = WaitCause.Facts(
            hasStarted: !started.isEmpty, joined: joined.map(\.cause), wait: end - start, queued: min(asked, end) - start,
            attempts: progress.map(\.attempts).max() ?? 1, isFailed: isFailed)
        recorder.add(
            TraceRead(
                layer: layer, place: place, program: program, start: start, end: end, cause: WaitCause(facts), queued: facts.queued,
                attempts: facts.attempts, ranges: (started + joined).map(\.id), isFailed: isFailed))
    }
}
