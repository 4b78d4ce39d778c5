import Testing
import Threads

@Suite("Work queues")
struct WorkQueueTests {
    @Test("who waits for work rests once, and then takes what comes")
    func rests() throws {
        let queue = WorkQueue<Int>()
        let found = Monitor<(rests: Int, taken: [Int])>((0, []))
        let thread = try NativeThread.start(name: "worker") {
            while let element = queue.next(restingAfter: .milliseconds(1), { found.update { $0.rests += 1 } }) {
                found.update { $0.taken.append(element) }
            }
        }
        #expect(found.wait { $0.rests == 1 ? true : nil })
        #expect(queue.add(7))
        #expect(found.wait { $0.taken == [7] ? true : nil })
        #expect(found.wait { $0.rests == 2 ? true : nil })
        queue.close()
        thread.join()
        #expect(found.wait { $0.rests } == 2)
    }

    @Test("who has work does not rest")
    func works() {
        let queue = WorkQueue<Int>()
        for element in 0..<3 { #expect(queue.add(element)) }
        queue.close()
        var taken: [Int] = []
        while let element = queue.next(restingAfter: .zero, { Issue.record("rested") }) { taken.append(element) }
        #expect(taken == [0, 1, 2])
    }
}
