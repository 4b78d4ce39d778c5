/// Why a read waited.
public enum WaitCause: String, Codable, CaseIterable, Sendable {
    /// Nobody had asked for it: a round trip and its bytes.
    case miss
    /// It was on its way, asked for before anybody read it.
    case onItsWay
    /// It was on its way along with another read's bytes.
    case neighbour
    /// Most of the wait was for other ranges to make room.
    case queued
    /// A range had to be asked for again.
    case retried
    /// It was answered with an error.
    case failed

    /// What a read waited for.
    struct Facts {
        /// Whether a range was asked for because of it.
        var hasStarted: Bool
        /// Why the ranges were asked for that were on their way.
        var joined: [FetchCause]
        /// Microseconds.
        var wait: UInt64
        /// Of these: until the last range was asked for.
        var queued: UInt64
        var attempts: Int
        var isFailed: Bool
    }

    /// Below that a place in the queue is no cause, in microseconds.
    private static let leastQueued: UInt64 = 5_000

    init(_ facts: Facts) {
        if facts.isFailed {
            self = .failed
        } else if facts.attempts > 1 {
            self = .retried
        } else if facts.queued >= WaitCause.leastQueued, 2 * facts.queued > facts.wait {
            self = .queued
        } else if facts.hasStarted {
            self = .miss
        } else {
            self = facts.joined.contains { $0 != .demand } ? .onItsWay : .neighbour
        }
    }
}
