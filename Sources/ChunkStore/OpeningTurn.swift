public import Digests

/// The turn of one of several processes that open the same new layer, or image, at once: the others then find it here, and what its opener fetches of it
/// on its way. Let go of by its end.
public final class OpeningTurn: Sendable {
    private let lock: RangeLock

    /// How often others look, and for how long they wait for one who may be stuck.
    private static let pause = Duration.milliseconds(5)
    private static let patience = 2000

    private init(_ lock: RangeLock) { self.lock = lock }

    /// Waits for the turn; ten seconds at most, and not at all where there can be no locks.
    ///
    /// - Parameter wanted: what is opened: a layer's digest, or another that stands for it.
    /// - Returns: the turn, and whether another process had it before.
    public static func take(_ wanted: Digest, in store: LayerStore) async -> (turn: OpeningTurn?, hasWaited: Bool) {
        guard let lock = try? RangeLock(store.root + "/opening") else { return (nil, false) }
        // Two of one number wait for each other, which does no harm.
        let number = Int(wanted.leadingWord >> 2)
        for round in 0..<patience {
            if lock.take(number...number) { return (OpeningTurn(lock), round > 0) }
            do { try await Task.sleep(for: pause) } catch { break }
        }
        return (nil, true)
    }
}
