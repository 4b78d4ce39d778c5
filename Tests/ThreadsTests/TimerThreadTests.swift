import Testing
import Threads

@Suite("a thread that works at times")
struct TimerThreadTests {
    @Test("work runs in the order of its times, not before them, and what is due at once does not wait for what is not")
    func order() throws {
        let timer = try TimerThread(name: "test")
        let seen = Monitor<[Int]>([])
        let start = ContinuousClock.now
        timer.run(after: .milliseconds(80)) { seen.update { $0.append(3) } }
        timer.run(after: .milliseconds(40)) { seen.update { $0.append(2) } }
        timer.run { seen.update { $0.append(1) } }
        let all = seen.wait { $0.count == 3 ? $0 : nil }
        #expect(all == [1, 2, 3] && start.duration(to: .now) >= .milliseconds(80))
        timer.shutdown()
    }

    @Test("work that waits when the thread ends never runs, and nothing runs afterwards")
    func end() throws {
        let timer = try TimerThread(name: "test")
        let seen = Monitor(0)
        timer.run(after: .seconds(3600)) { seen.update { $0 += 1 } }
        timer.shutdown()
        timer.run { seen.update { $0 += 1 } }
        #expect(seen.update { $0 } == 0)
    }

    @Test("a wait with a deadline ends at it, and at once when there is something")
    func deadline() {
        let monitor = Monitor(1)
        let end = ContinuousClock.now + .milliseconds(30)
        #expect(monitor.wait(until: { _ in end }) { $0 > 1 ? $0 : nil } == nil)
        #expect(ContinuousClock.now >= end)
        #expect(monitor.wait(until: { _ in end }) { $0 } == 1)
    }
}
