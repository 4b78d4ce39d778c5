import Testing

@testable import FetchEngine

@Suite("which range goes next")
struct FetchQueueTests {
    private final class Job {}
    private typealias Queue = FetchQueue<Job>

    private func add(_ count: Int, _ priority: FetchPriority, to queue: inout Queue, size: UInt64 = 1) -> [Job] {
        (0..<count).map { _ in
            let job = Job()
            _ = queue.add(job, size: size, priority)
            return job
        }
    }

    /// Too large to be a small prefetch beside others.
    private static let large: UInt64 = 4 << 20

    private func started(_ queue: inout Queue) -> [Job] {
        var jobs: [Job] = []
        while let job = queue.start() { jobs.append(job) }
        return jobs
    }

    private func same(_ one: [Job], _ other: [Job]) -> Bool { one.elementsEqual(other) { $0 === $1 } }

    @Test("a demand goes before prefetches that came first, and a promoted one with them")
    func priorities() {
        var queue = Queue()
        let background = add(1, .background, to: &queue)[0]
        let (prefetch, late) = (add(1, .prefetch, to: &queue)[0], add(1, .prefetch, to: &queue)[0])
        let demand = add(1, .demand, to: &queue)[0]
        queue.promote(late)
        let order = started(&queue)
        #expect(same(order, [demand, late, prefetch, background]))
    }

    @Test("of those that are equally urgent the first in the order of reading goes first, and then the first that came")
    func readOrder() {
        var queue = Queue()
        let orders = [.last, ReadOrder.first.child(2), .first.child(1).child(7), .first.child(1), .first.child(2), .first]
        let jobs = orders.map { order in
            let job = Job()
            _ = queue.add(job, size: 1, .prefetch, order: order)
            return job
        }
        let started = started(&queue)
        #expect(same(started, [5, 3, 2, 1, 4, 0].map { jobs[$0] }))
    }

    @Test("a tiny prefetch takes no place of a large one, and waits for none")
    func tiny() {
        var queue = Queue()
        let tiny = add(2, .prefetch, to: &queue, size: queue.limits.tinyPrefetch)
        let large = add(queue.limits.prefetch + 1, .prefetch, to: &queue, size: FetchQueueTests.large)
        #expect(same(started(&queue), tiny + large.dropLast()))
        queue.finish(large[0])
        #expect(same(started(&queue), [large[queue.limits.prefetch]]))
        let more = add(1, .prefetch, to: &queue)
        #expect(same(started(&queue), more))
    }

    @Test("patient ranges leave places free for demands, and their end makes room for the next")
    func places() {
        var queue = Queue()
        _ = add(20, .prefetch, to: &queue, size: FetchQueueTests.large)
        let first = started(&queue)
        #expect(first.count == queue.limits.prefetch)
        let demand = add(1, .demand, to: &queue)[0]
        let second = started(&queue)
        #expect(same(second, [demand]))
        queue.finish(first[0])
        let third = started(&queue)
        #expect(third.count == 1)
    }

    @Test("however many demands there are, a patient range gets a place, and however many prefetches, a background one")
    func noStarvation() {
        var queue = Queue()
        _ = add(50, .demand, to: &queue)
        let prefetch = add(1, .prefetch, to: &queue)[0]
        let jobs = started(&queue)
        #expect(jobs.count == queue.limits.active && jobs.contains { $0 === prefetch })

        queue = Queue()
        _ = add(50, .prefetch, to: &queue)
        let background = add(1, .background, to: &queue)[0]
        let second = started(&queue)
        #expect(second.contains { $0 === background })
    }

    @Test("small prefetches are many at a time, as long as they are few bytes together, and leave places for demands")
    func small() {
        var queue = Queue()
        _ = add(50, .prefetch, to: &queue, size: 1000)
        let jobs = started(&queue)
        #expect(jobs.count == queue.limits.smallPrefetches)
        _ = add(1, .demand, to: &queue)
        #expect(started(&queue).count == 1)
        for job in jobs { queue.finish(job) }
        _ = queue.remove { _ in true }

        queue = Queue()
        _ = add(50, .prefetch, to: &queue, size: queue.limits.smallBytes / 4)
        #expect(started(&queue).count == 4)
    }

    @Test("a read that joins a patient range under way frees its place for another")
    func promotedUnderWay() {
        var queue = Queue()
        let jobs = add(20, .prefetch, to: &queue, size: FetchQueueTests.large)
        _ = started(&queue)
        queue.promote(jobs[0])
        #expect(!queue.isPatient(jobs[0]) && queue.isPatient(jobs[1]))
        let more = started(&queue)
        #expect(more.count == 1)
    }

    @Test("background ranges are as many as wanted")
    func background() {
        var queue = Queue()
        queue.limits.background = 1
        _ = add(5, .background, to: &queue, size: Self.large)
        let jobs = started(&queue)
        #expect(jobs.count == 1 && queue.activeCount(.background) == 1 && queue.waitingCount(.background) == 4)
    }

    @Test("small background ranges are four times as many, as long as they are few bytes together")
    func smallBackground() {
        var queue = Queue()
        queue.limits.background = 1
        _ = add(5, .background, to: &queue)
        #expect(started(&queue).count == 4)
        queue = Queue()
        _ = add(5, .background, to: &queue, size: queue.limits.smallBytes / 3)
        #expect(started(&queue).count == 3 && !queue.hasPlaceForBackground(of: queue.limits.smallBytes / 3))
        queue = Queue()
        _ = add(1, .background, to: &queue, size: Self.large)
        _ = add(5, .background, to: &queue)
        // What is large leaves small ones no place of theirs.
        #expect(started(&queue).count == 2)
    }

    @Test("bytes under way are bounded, patient ones more, but one job is always allowed")
    func bytes() {
        var queue = Queue()
        let large = add(1, .demand, to: &queue, size: queue.limits.bytes * 2)[0]
        _ = add(1, .demand, to: &queue)
        var jobs = started(&queue)
        #expect(same(jobs, [large]))
        queue.finish(large)
        jobs = started(&queue)
        #expect(jobs.count == 1)

        queue = Queue()
        _ = add(3, .prefetch, to: &queue, size: queue.limits.patientBytes / 2)
        jobs = started(&queue)
        #expect(jobs.count == 2)
        _ = add(1, .demand, to: &queue, size: queue.limits.bytes - queue.limits.patientBytes)
        jobs = started(&queue)
        #expect(jobs.count == 1)
    }

    @Test("nothing less urgent takes the bytes that a range waits for")
    func bytesInOrder() {
        var queue = Queue()
        _ = add(1, .demand, to: &queue, size: queue.limits.bytes - 10)
        _ = add(1, .demand, to: &queue, size: 20)
        _ = add(1, .prefetch, to: &queue, size: 1)
        let jobs = started(&queue)
        #expect(jobs.count == 1)
    }

    @Test("while patient ranges are held back, demands go on")
    func held() {
        var queue = Queue()
        _ = add(1, .prefetch, to: &queue)
        let demand = add(1, .demand, to: &queue)[0]
        let (first, second, third) = (queue.start(isOpen: false), queue.start(isOpen: false), queue.start())
        #expect(first === demand && second == nil && third != nil)
    }

    @Test("a closed queue gives back what waits and what is under way, and takes nothing more")
    func close() {
        var queue = Queue()
        let running = add(1, .demand, to: &queue)
        _ = queue.start()
        let waiting = add(1, .prefetch, to: &queue)
        let (left, active) = queue.close()
        #expect(same(left, waiting) && same(active, running))
        let isAdded = queue.add(Job(), size: 1, .demand)
        let more = started(&queue)
        #expect(!isAdded && queue.isClosed && more.isEmpty)
    }
}
