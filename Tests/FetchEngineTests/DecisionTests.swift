import Registry
import Testing

@testable import FetchEngine

@Suite("asking again")
struct RetryPlanTests {
    private let waits = RetryPlan.Waits(shortest: .milliseconds(100), longest: .seconds(1))

    private func decide(_ plan: inout RetryPlan, _ advice: RetryAdvice, isAwaited: Bool = true, moved: UInt64 = 0) -> RetryPlan.Decision {
        plan.failed(advice, isAwaited: isAwaited, moved: moved, waits: waits, chance: 1)
    }

    @Test("waits double up to the longest, half of each left to chance")
    func doubling() {
        var plan = RetryPlan()
        let decisions = (0..<6).map { _ in decide(&plan, .later(nil)) }
        #expect(decisions == [100, 200, 400, 800, 1000, 1000].map { .again(after: .milliseconds($0)) })
        #expect(waits.wait(after: 1, chance: 0) == .milliseconds(50))
        #expect(waits.wait(after: 1_000_000, chance: 1) == .seconds(1))
    }

    @Test("passing trouble is tried again as long as a read waits, and a few times for nobody")
    func patience() {
        var plan = RetryPlan()
        let awaited = (0..<1000).map { _ in decide(&plan, .later(nil)) }
        #expect(!awaited.contains(.giveUp))
        let forNobody = decide(&plan, .later(nil), isAwaited: false)
        #expect(forNobody == .giveUp)
        plan = RetryPlan()
        let decisions = (0..<RetryPlan.patientAttempts).map { _ in decide(&plan, .later(nil), isAwaited: false) }
        #expect(decisions.count { $0 == .giveUp } == 1 && decisions.last == .giveUp)
    }

    @Test("what may never pass is tried three times, what will not is not tried again")
    func doubtful() {
        var plan = RetryPlan()
        let decisions = (0..<3).map { _ in decide(&plan, .perhaps) }
        #expect(decisions.map { $0 == .giveUp } == [false, false, true])
        plan = RetryPlan()
        let decision = decide(&plan, .never)
        #expect(decision == .giveUp)
    }

    @Test("an attempt that moved on begins the count anew")
    func movedOn() {
        var plan = RetryPlan()
        for _ in 0..<5 { _ = decide(&plan, .later(nil)) }
        let decision = decide(&plan, .later(nil), moved: RetryPlan.movedOn)
        #expect(decision == .again(after: .milliseconds(100)))
    }

    @Test("the registry's wish counts")
    func wish() {
        var plan = RetryPlan()
        let decision = decide(&plan, .later(.seconds(7)))
        #expect(decision == .again(after: .seconds(7)))
    }

    @Test(
        "errors tell whether to ask again",
        arguments: [
            (.unreachable(host: "r", reason: ""), .later(nil)), (.timeout(host: "r", reason: ""), .later(nil)),
            (.interrupted(host: "r", reason: ""), .later(nil)), (.status(host: "r", what: "", status: 503, message: ""), .later(nil)),
            (.status(host: "r", what: "", status: 418, message: ""), .perhaps), (.notFound(host: "r", what: ""), .perhaps),
            (.forbidden(host: "r", what: "", message: ""), .perhaps), (.badAnswer(host: "r", what: "", reason: ""), .perhaps),
            (.cancelled, .never),
        ] as [(RegistryError, RetryAdvice)])
    func advice(error: RegistryError, expected: RetryAdvice) {
        #expect(RetryAdvice(RangeFailure(error)) == expected)
    }

    @Test("the wish of the registry is part of the advice")
    func wished() {
        #expect(RetryAdvice(RangeFailure(.rateLimited(host: "r"), retryAfter: .seconds(3))) == .later(.seconds(3)))
    }
}

@Suite("the bandwidth limit")
struct TokenBucketTests {
    @Test("over any long time no more is taken than the limit allows, and one piece")
    func rate() {
        let start = ContinuousClock.now
        var bucket = TokenBucket(bytesPerSecond: 1000, at: start)
        var now = start
        var taken: UInt64 = 0
        while start.duration(to: now) < .seconds(60) {
            now = bucket.opening(at: now)
            bucket.take(700, at: now)
            taken += 700
        }
        #expect((59_000...61_700).contains(taken), "\(taken)")
    }

    @Test("what was not used is saved for a quarter of a second, and no longer")
    func saved() {
        let start = ContinuousClock.now
        var bucket = TokenBucket(bytesPerSecond: 1000, at: start)
        let later = start + .seconds(3600)
        bucket.take(250, at: later)
        #expect(bucket.opening(at: later) > later)
    }
}

@Suite("the link's speed")
struct LinkEstimateTests {
    /// Pieces of 16 KiB at a speed, so many in each answer, and 40 ms between two answers.
    private func feed(
        _ link: inout LinkEstimate, bytesPerSecond: Double, pieces: Int, inAnswer: Int = 1000, from start: ContinuousClock.Instant
    ) -> ContinuousClock.Instant {
        var now = start
        for piece in 0..<pieces {
            now += .seconds(Double(16 << 10) / bytesPerSecond)
            link.received(16 << 10, isFirst: piece % inAnswer == 0, at: now)
            if piece % inAnswer == inAnswer - 1 || piece == pieces - 1 {
                link.ended()
                now += .milliseconds(40)
            }
        }
        return now
    }

    @Test("round trips between answers do not make a link look slow", arguments: [16, 64, 1000])
    func pauses(inAnswer: Int) throws {
        var link = LinkEstimate()
        _ = feed(&link, bytesPerSecond: 12.5e6, pieces: 1000, inAnswer: inAnswer, from: .now)
        let speed = try #require(link.bytesPerSecond)
        #expect((11e6...14e6).contains(speed), "\(speed)")
    }

    @Test("a link that is slow is seen to be, however far its pieces are apart", arguments: [20e3, 100e3, 1e6])
    func slow(speed: Double) throws {
        var link = LinkEstimate()
        _ = feed(&link, bytesPerSecond: speed, pieces: 50, from: .now)
        #expect((0.9...1.2).contains(try #require(link.bytesPerSecond) / speed))
    }

    @Test("a faster link is noticed at once, a slower one by and by")
    func change() throws {
        var link = LinkEstimate()
        var now = feed(&link, bytesPerSecond: 1e6, pieces: 200, from: .now)
        now = feed(&link, bytesPerSecond: 10e6, pieces: 300, from: now)
        #expect(try #require(link.bytesPerSecond) > 8e6)
        _ = feed(&link, bytesPerSecond: 1e6, pieces: 30, from: now)
        #expect(try #require(link.bytesPerSecond) > 3e6)
    }

    @Test("nothing is known at first, and sizes stay within bounds")
    func bounds() {
        var link = LinkEstimate()
        #expect(link.bytes(in: .seconds(1), unknown: 7, within: 1...2) == 7)
        _ = feed(&link, bytesPerSecond: 1e6, pieces: 200, from: .now)
        #expect(link.bytes(in: .seconds(1), unknown: 7, within: 1...2) == 2)
        #expect(link.bytes(in: .zero, unknown: 7, within: 5...9) == 5)
    }
}

@Suite("completing layers in the background")
struct BackgroundPolicyTests {
    private func decide(
        demand: Duration? = nil, opening: Duration = .seconds(100), background: Duration = .seconds(1), isBusy: Bool = false
    ) -> BackgroundPolicy.Decision {
        BackgroundPolicy.decide(
            .init(sinceDemand: demand, sinceOpening: opening, sinceBackground: background, isBusy: isBusy))
    }

    @Test("nothing starts until it was quiet for a while")
    func calm() {
        #expect(decide(demand: .milliseconds(300)) == .wait(.milliseconds(2700)))
        #expect(decide(opening: .milliseconds(300)) == .wait(.milliseconds(2700)))
        #expect(decide(demand: .milliseconds(3200)) == .start(.milliseconds(200)))
    }

    @Test("who has read much of the layers in use gets the rest, misses or not")
    func much() {
        func decide(
            _ present: UInt64, of content: UInt64, demand: Duration = .milliseconds(5), isBusy: Bool = true
        ) -> BackgroundPolicy.Decision {
            BackgroundPolicy.decide(
                .init(
                    sinceDemand: demand, sinceOpening: .seconds(100), sinceBackground: .seconds(1), isBusy: isBusy,
                    present: present << 20, content: content << 20))
        }
        #expect(decide(60, of: 229) == .start(.milliseconds(100)))
        #expect(decide(50, of: 229) == .wait(.seconds(14)))
        #expect(decide(40, of: 41) == .wait(.seconds(14)))
        // Quiet counts as always.
        #expect(decide(60, of: 229, demand: .seconds(8), isBusy: false) == .start(.milliseconds(500)))
    }

    @Test("who has waited nearly as long as the rest takes gets the rest, misses or not")
    func worth() {
        func decide(waited: Duration, rest: Duration?) -> BackgroundPolicy.Decision {
            var facts = BackgroundPolicy.Facts(
                sinceDemand: .milliseconds(5), sinceOpening: .seconds(100), sinceBackground: .seconds(1), isBusy: true)
            (facts.waited, facts.rest) = (waited, rest)
            return BackgroundPolicy.decide(facts)
        }
        #expect(decide(waited: .seconds(5), rest: .seconds(6)) == .start(.milliseconds(100)))
        #expect(decide(waited: .seconds(4), rest: .seconds(6)) == .wait(.seconds(14)))
        #expect(decide(waited: .seconds(60), rest: nil) == .wait(.seconds(14)))
        // On a fast link no start is held up by the rest of its image.
        #expect(decide(waited: .seconds(1), rest: .milliseconds(10)) == .wait(.seconds(14)))
        #expect(decide(waited: .seconds(2), rest: .milliseconds(10)) == .start(.milliseconds(100)))
    }

    @Test("pieces grow with the quiet, up to a second of the link")
    func growth() {
        #expect(decide(demand: .seconds(8)) == .start(.milliseconds(500)))
        #expect(decide(demand: .seconds(600)) == .start(.seconds(1)))
        #expect(decide(opening: .seconds(600)) == .start(.seconds(1)))
    }

    @Test("it waits for what is more urgent, but not for ever")
    func busy() {
        #expect(decide(demand: .seconds(5), background: .seconds(4), isBusy: true) == .wait(.seconds(11)))
        #expect(decide(demand: .zero, background: .seconds(15), isBusy: true) == .start(.milliseconds(100)))
        #expect(decide(demand: .milliseconds(100), background: .seconds(15)) == .start(.milliseconds(100)))
    }
}

@Suite("small values of the engine")
struct SmallValueTests {
    @Test("waits fall into their classes")
    func histogram() {
        var waits = WaitHistogram()
        for milliseconds in [0, 1, 2, 45, 61_000] as [UInt64] { waits.count(nanoseconds: milliseconds * 1_000_000) }
        #expect(waits.counts.first == 2 && waits.counts[1] == 1 && waits.counts[5] == 1 && waits.counts.last == 1)
        #expect(waits.counts.reduce(0, +) == 5 && waits.counts.count == WaitHistogram.bounds.count + 1)
    }

    @Test("of several appointments the earliest is kept, once")
    func appointment() {
        var appointment = Appointment()
        let now = ContinuousClock.now
        let arranged = [2, 3, 1].map { appointment.arrange(now + .seconds($0)) }
        #expect(arranged == [true, false, true])
        let kept = [2, 1, 1].map { appointment.keep(now + .seconds($0)) }
        #expect(kept == [false, true, false])
        let isArrangedAnew = appointment.arrange(now + .seconds(3))
        #expect(isArrangedAnew)
    }

    @Test("runs of chunks are put together")
    func runs() {
        #expect(FetchPlan.joined([5...6, 1...2, 3...3, 9...9, 10...12]) == [1...3, 5...6, 9...12])
        #expect(FetchPlan.joined([]).isEmpty)
    }
}
