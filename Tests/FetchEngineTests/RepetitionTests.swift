import ChunkStore
import Synchronization
import TestSupport
import Testing
import Threads
import TreeImage

@testable import FetchEngine

/// A file before the landmark repeats parts of another that stands behind it.
@Suite("what is repeated before the landmark", .serialized)
struct RepetitionTests {
    private static let ranges: [Range<Int64>] = [100_000..<150_000, 700_000..<720_000]

    private func engine(_ ranges: [Range<Int64>] = Self.ranges) async throws -> EngineFixture {
        try await EngineFixture(TestLayer(sizes: [2_000_000, 30_000, 30_000], repeated: ranges))
    }

    /// The file's own chunks that are repeated.
    private func originals(_ engine: EngineFixture) -> [Int] {
        let chunks = engine.layer.stored.chunks
        return (0..<chunks.count).filter { chunks.repetition(of: $0) != nil }
    }

    @Test("a read of the file fetches the repetition, which lies with what else is wanted first, and is answered by it")
    func demanded() async throws {
        let engine = try await engine()
        let (chunks, originals) = (engine.layer.stored.chunks, originals(engine))
        #expect(originals.map { chunks.chunk($0).size } == [50_000, 20_000])
        try await engine.read(originals[0]...originals[0])
        try engine.expectIdle()
        let front = (0..<chunks.count).filter(chunks.isInFront)
        #expect(front.count == 2 && front.allSatisfy(engine.layer.stored.isPresent), "the other one came along")
        #expect(originals.allSatisfy(engine.layer.stored.isPresent))
        #expect(engine.layer.statistics.snapshot.requests == 1)
        // The neighbour came ahead; what was asked for did not.
        #expect(engine.layer.use.prefetched.wasteBytes <= 20_000 + 260_000)
        engine.layer.use.wereRead(originals[1]...originals[1])
        #expect(engine.layer.use.prefetched.hitBytes == 20_000)
        try await engine.end()
    }

    @Test("whenever a repetition is here, what it repeats is: who misses that never asks for it a second time")
    func order() async throws {
        let engine = try await engine((0..<48).map { index in index * 40_000..<index * 40_000 + 20_000 })
        let stored = engine.layer.stored
        let pairs = try originals(engine).map { ($0, try #require(stored.chunks.repetition(of: $0))) }
        #expect(pairs.count == 48)
        let started = Atomic(false)
        let early = Atomic(0)
        let watch = try NativeThread.start(name: "watch") {
            started.store(true, ordering: .relaxed)
            var left = pairs
            while !left.isEmpty {
                left.removeAll { original, repetition in
                    guard stored.isPresent(repetition) else { return false }
                    if !stored.isPresent(original) { early.add(1, ordering: .relaxed) }
                    return true
                }
            }
        }
        try waitUntil("somebody watches") { started.load(ordering: .relaxed) }
        engine.fetcher.prefetch(engine.layer, upTo: stored.chunks.prefetchEnd)
        watch.join()
        #expect(early.load(ordering: .relaxed) == 0)
        try await engine.end()
    }

    @Test("prefetching them makes the file's own chunks readable, and completing the layer does not fetch these again")
    func prefetched() async throws {
        let engine = try await engine()
        let originals = originals(engine)
        engine.fetcher.prefetch(engine.layer, upTo: engine.layer.stored.chunks.prefetchEnd)
        try waitUntil("they are here") { originals.allSatisfy(engine.layer.stored.isPresent) }
        try engine.expectIdle()
        #expect(engine.layer.use.prefetched.wasteBytes == 70_000)
        engine.layer.use.wereRead(originals[0]...originals[0])
        #expect(engine.layer.use.prefetched.hitBytes == 50_000)
        let fetched = engine.layer.statistics.snapshot.fetchedBytes
        try await engine.read(0...engine.layer.stored.chunks.count - 1)
        try engine.expectIdle()
        #expect(engine.layer.stored.isComplete)
        let rest = engine.layer.statistics.snapshot.fetchedBytes - fetched
        #expect(rest < 2_060_000, "\(rest) bytes")
        try await engine.end()
    }
}
