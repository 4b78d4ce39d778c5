import ChunkStore
import Synchronization
import TestSupport
import Testing
import TreeImage

@testable import FetchEngine

/// What came before a read asked for it, and whether it was read.
@Suite("what fetching ahead was worth", .serialized)
struct ChunkUseTests {
    private func size(_ chunks: ClosedRange<Int>, of engine: EngineFixture) -> UInt64 {
        chunks.reduce(0) { $0 + engine.layer.stored.chunks.chunk($1).size }
    }

    @Test("neighbours of a miss came ahead, the missed chunks did not; each counts as read once, however often it is")
    func neighbours() async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [Int](repeating: 30_000, count: 60)))
        try await engine.read(20...21)
        try engine.expectIdle()
        let (use, here) = (engine.layer.use, engine.layer.stored.bytesPresent)
        let asked = size(20...21, of: engine)
        #expect(here > asked)
        #expect(use.prefetched == ChunkUse.Prefetched(hitBytes: 0, wasteBytes: here - asked))
        // One that was asked for, and two that came along.
        use.wereRead(21...23)
        use.wereRead(22...22)
        let read = size(22...23, of: engine)
        #expect(use.prefetched == ChunkUse.Prefetched(hitBytes: read, wasteBytes: here - asked - read))
        #expect(use.prefetched.bytes == here - asked)
        try await engine.end()
    }

    @Test("what is prefetched came ahead, also where a read joins it on its way")
    func prefetched() async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [Int](repeating: 30_000, count: 40), prioritized: 20))
        engine.proxy.run { _ in .slow(bytesPerSecond: 1 << 20) }
        engine.fetcher.prefetch(engine.layer, upTo: engine.layer.stored.chunks.prefetchEnd)
        try waitUntil("it is on its way") { engine.layer.flights.withLock { !$0.underWay.isEmpty } }
        try await engine.read(19...19)
        try engine.expectIdle()
        #expect(engine.layer.statistics.snapshot.demandsJoined == 1)
        engine.layer.use.wereRead(19...19)
        let (prefetched, here) = (engine.layer.use.prefetched, engine.layer.stored.bytesPresent)
        #expect(prefetched.bytes == here && prefetched.hitBytes == size(19...19, of: engine))
        try await engine.end()
    }

    @Test("what completes a layer did not come ahead of anything")
    func completed() async throws {
        var options = EngineFixture.fetchOptions
        options.completesLayers = true
        let engine = try await EngineFixture(TestLayer(sizes: [30_000, 30_000, 30_000]), options: options)
        engine.fetcher.complete(engine.layer)
        try waitUntil("it is complete") { engine.layer.isComplete }
        engine.layer.use.wereRead(0...1)
        #expect(engine.layer.use.prefetched == ChunkUse.Prefetched())
        try await engine.end()
    }

    @Test("a share of the waits is told by the upper bound of its class")
    func percent() {
        var waits = WaitHistogram()
        #expect(waits.milliseconds(ofPercent: 50) == nil)
        for milliseconds: UInt64 in [1, 1, 3, 15, 70_000] { waits.count(nanoseconds: milliseconds * 1_000_000) }
        #expect(waits.milliseconds(ofPercent: 40) == 1 && waits.milliseconds(ofPercent: 41) == 5)
        #expect(waits.milliseconds(ofPercent: 80) == 20 && waits.milliseconds(ofPercent: 81) == nil)
    }
}
