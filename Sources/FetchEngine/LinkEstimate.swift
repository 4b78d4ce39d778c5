/// How fast bytes arrive, all streams together, while they arrive: a pure value fed with every piece.
///
/// Time in which no answer is under way (round trips, nothing asked for) does not count, so that few small answers on a fast link do not make
/// it look slow.
struct LinkEstimate {
    /// Bytes per second; nil until enough has come.
    private(set) var bytesPerSecond: Double?
    /// Answers whose first byte has come and whose last has not.
    private var answers = 0
    private var start: ContinuousClock.Instant?
    private var last: ContinuousClock.Instant?
    private var bytes = 0

    /// What is measured at once.
    private static let window = Duration.milliseconds(100)
    /// Fewer bytes in a shorter time say nothing: they may have waited together in a buffer.
    private static let leastBytes = 128 << 10
    private static let leastTime = Duration.milliseconds(5)

    /// A piece of an answer came.
    mutating func received(_ count: Int, isFirst: Bool, at now: ContinuousClock.Instant) {
        if isFirst { answers += 1 }
        last = now
        guard let start else {
            // How long the first piece was on its way is not known: it opens the window and is not counted.
            (self.start, bytes) = (now, 0)
            return
        }
        bytes += count
        guard start.duration(to: now) >= LinkEstimate.window else { return }
        fold(until: now)
        (self.start, bytes) = (now, 0)
    }

    /// An answer of which something came has ended.
    mutating func ended() {
        answers -= 1
        guard answers == 0, let last else { return }
        fold(until: last)
        start = nil
    }

    /// Bytes that arrive in a time, between bounds; `unknown` as long as nothing is known.
    func bytes(in time: Duration, unknown: UInt64, within bounds: ClosedRange<UInt64>) -> UInt64 {
        guard let bytesPerSecond else { return unknown }
        let bytes = bytesPerSecond * (time / .seconds(1))
        return min(max(UInt64(min(max(bytes, 0), 1e15)), bounds.lowerBound), bounds.upperBound)
    }

    /// Time in which so many bytes arrive; nil as long as nothing is known.
    func time(for bytes: Double) -> Duration? { bytesPerSecond.map { .seconds(bytes / max($0, 1)) } }

    // Faster counts at once, slower by and by: a stall is no slow link.
    private mutating func fold(until end: ContinuousClock.Instant) {
        guard let start, case let time = start.duration(to: end),
            time >= LinkEstimate.window || (bytes >= LinkEstimate.leastBytes && time >= LinkEstimate.leastTime)
        else { return }
        let rate = Double(bytes) / (time / .seconds(1))
        guard let known = bytesPerSecond else {
            bytesPerSecond = rate
            return
        }
        let weight = rate > known ? 0.5 : 0.2
        bytesPerSecond = known + (rate - known) * weight
    }
}
