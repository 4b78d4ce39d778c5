internal import Synchronization

/// Reads that wait, so that each ends at its deadline. While none waits nobody looks: an idle engine uses no time.
final class ReadDeadlines: Sendable {
    private let state = Mutex(State())

    private struct State {
        var waiting: [UInt64: PendingRead] = [:]
        var lastID: UInt64 = 0
        var isSwept = false
    }

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    func add(_ read: PendingRead, _ id: UInt64) { state.withLock { $0.waiting[id] = read } }

    func remove(_ id: UInt64) { state.withLock { $0.waiting[id] = nil } }

    /// Reads that wait now.
    var all: [PendingRead] { state.withLock { Array($0.waiting.values) } }

    func expired(at now: ContinuousClock.Instant) -> [PendingRead] {
        state.withLock { $0.waiting.values.filter { $0.deadline <= now } }
    }

    /// Whether the caller has to arrange the first look.
    func needsSweep() -> Bool {
        state.withLock { state in
            defer { state.isSwept = true }
            return !state.isSwept
        }
    }

    /// Whether the caller has to arrange another look; else nobody looks until the next read waits.
    func continuesSweep() -> Bool {
        state.withLock { state in
            state.isSwept = !state.waiting.isEmpty
            return state.isSwept
        }
    }
}
