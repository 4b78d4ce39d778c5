/// When the rest of the layers is fetched, and in which pieces: a pure decision.
///
/// A starting container misses now and then; a large range on a slow link would stand before each of these misses. So nothing starts until
/// there was no miss for a while, and pieces grow with the time that there was none. A container that never stops missing must not keep its
/// layers incomplete for ever: after a long wait, a small piece goes all the same. And one that has read much of its layers, or has waited for them nearly
/// as long as the rest would take, gets the rest: if that came miss by miss, the link would stand still for a round trip each time. (What is still to
/// come nobody knows. Who buys when the rent has come to the price never pays more than twice what he could have; a bit earlier is better for who reads on,
/// and at half of it the start of nodejs, whose waits are long, takes 4.8 s in place of 4.1.)
enum BackgroundPolicy {
    /// What is known when something could start.
    struct Facts {
        /// Since the last miss, and since the last layer was opened.
        var sinceDemand: Duration?
        var sinceOpening: Duration
        /// Since the last background range started, or since there is something to complete.
        var sinceBackground: Duration
        /// Whether a read waits now, or prefetches are left to do.
        var isBusy: Bool
        /// Of the layers that are being read (`RecentDemands`): bytes of content that are here, and all.
        var present: UInt64 = 0
        var content: UInt64 = .max
        /// Of the same: what reads have waited, each for itself, unless prefetches are left to do; and what the link takes for all that is not here, when it
        /// is known.
        var waited = Duration.zero
        var rest: Duration?
    }

    enum Decision: Equatable {
        /// A range that takes about so long.
        case start(Duration)
        /// Not before that time has passed.
        case wait(Duration)
    }

    /// Quiet that says that containers have started.
    static let calm = Duration.seconds(3)
    /// Longest time without any progress.
    static let patience = Duration.seconds(15)
    /// Much of the layers: a quarter, and more than nearly any start of a program takes.
    static let much: UInt64 = 48 << 20
    /// Waits that make the rest worth its time, as a part of that.
    static let worth = 0.75
    /// Waits that most starts do not come to, however little the rest would take: it takes processors, too, which a start needs.
    static let long = Duration.seconds(2)
    /// Link time of the smallest and of the largest piece.
    static let smallest = Duration.milliseconds(100)
    static let largest = Duration.milliseconds(1_000)
    /// Bounds of a piece, and its size as long as the link is not known.
    static let bytes: ClosedRange<UInt64> = 1 << 20...16 << 20
    static let unknown: UInt64 = 4 << 20

    static func decide(_ facts: Facts) -> Decision {
        let quiet = min(facts.sinceDemand ?? facts.sinceOpening, facts.sinceOpening)
        if !facts.isBusy, quiet >= calm { return .start(min(max(quiet / 16, smallest), largest)) }
        let isMuchHere = facts.present >= much && facts.present >= facts.content / 4
        let isWorthIt = facts.rest.map { facts.waited >= max($0 * worth, long) } ?? false
        if isMuchHere || isWorthIt || facts.sinceBackground >= patience { return .start(smallest) }
        // Whatever keeps it busy gives notice when it ends; the time is for what does not.
        return .wait(facts.isBusy ? patience - facts.sinceBackground : min(calm - quiet, patience - facts.sinceBackground))
    }
}
