internal import ChunkStore
internal import Registry

/// What an error says about asking again.
enum RetryAdvice: Equatable {
    /// It will be the same.
    case never
    /// It may be better, but is not worth being waited for: a few times.
    case perhaps
    /// It passes: as long as somebody waits. The time is the registry's wish.
    case later(Duration?)

    init(_ error: any Error) {
        switch error {
        case let failure as RangeFailure:
            self = failure.isCancellation ? .never : failure.isPassing ? .later(failure.retryAfter) : .perhaps
        case FetchError.truncated: self = .later(nil)
        default: self = .never
        }
    }
}

/// When the rest of a range is asked for again: a pure value that counts one range's attempts.
struct RetryPlan: Sendable {
    /// How long to wait between attempts: doubling from the first to the last.
    struct Waits: Equatable, Sendable {
        var shortest = Duration.milliseconds(30)
        var longest = Duration.seconds(5)

        /// - Parameter chance: from 0 to 1, so that many readers do not come back in step.
        func wait(after attempts: Int, chance: Double) -> Duration {
            let full = min(shortest * (1 << min(max(0, attempts - 1), 16)), longest)
            return full * (0.5 + chance / 2)
        }
    }

    enum Decision: Equatable {
        case again(after: Duration)
        case giveUp
    }

    /// Attempts in a row that brought nothing.
    private(set) var attempts = 0
    /// Of these, those whose error may never pass.
    private var doubtful = 0

    /// Attempts for nobody: somebody who reads it later asks anew.
    static let patientAttempts = 6
    /// Attempts after errors that may never pass.
    static let doubtfulAttempts = 3
    /// Bytes after which an attempt that was cut counts as a good one.
    static let movedOn: UInt64 = 64 << 10

    /// An attempt has failed.
    ///
    /// - Parameters:
    ///   - isAwaited: whether a read waits, whose deadline ends the matter.
    ///   - moved: bytes that the attempt brought.
    mutating func failed(_ advice: RetryAdvice, isAwaited: Bool, moved: UInt64, waits: Waits, chance: Double) -> Decision {
        if moved >= RetryPlan.movedOn { (attempts, doubtful) = (0, 0) }
        attempts += 1
        switch advice {
        case .never: return .giveUp
        case .perhaps:
            doubtful += 1
            guard doubtful < RetryPlan.doubtfulAttempts else { return .giveUp }
            return .again(after: waits.wait(after: attempts, chance: chance))
        case .later(let wish):
            guard isAwaited || attempts < RetryPlan.patientAttempts else { return .giveUp }
            return .again(after: wish ?? waits.wait(after: attempts, chance: chance))
        }
    }
}
