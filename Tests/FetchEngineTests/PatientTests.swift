import ChunkStore
import Digests
import EStargz
import HostSystem
import OCI
import Registry
import Synchronization
import TestSupport
import Testing
import Threads
import TreeImage

@testable import FetchEngine

@Suite("what is fetched although nobody waits", .serialized)
struct PatientTests {
    private func prioritized(_ count: Int, seed: UInt64 = 1) throws -> TestLayer {
        try TestLayer(sizes: (0..<40).map { 20_000 + $0 * 2_000 }, prioritized: count, seed: seed)
    }

    private func untilPresent(_ engine: EngineFixture, _ chunks: Range<Int>) throws {
        try waitUntil("\(chunks) are here") { chunks.allSatisfy(engine.layer.stored.isPresent) }
    }

    /// Chunks whose members lie before a blob offset.
    private func chunks(before end: UInt64, _ map: ChunkMap) -> Range<Int> {
        0..<((0..<map.count).first { map.chunk($0).blobOffset >= end } ?? map.count)
    }

    @Test("what is before the landmark is prefetched, and nothing else, by one request")
    func landmark() async throws {
        let engine = try await EngineFixture(prioritized(10))
        let map = engine.layer.stored.chunks
        let wanted = chunks(before: map.prefetchEnd, map)
        #expect(wanted.count == 10)
        engine.fetcher.prefetch(engine.layer, upTo: map.prefetchEnd)
        try untilPresent(engine, wanted)
        try engine.expectIdle()
        #expect(engine.layer.statistics.snapshot.requests == 1 && engine.layer.statistics.snapshot.demandBytes == 0)
        #expect(!engine.layer.stored.isPresent(wanted.upperBound))
        try await engine.read(3...7)
        #expect(engine.layer.statistics.snapshot.demandMisses == 0)
        try await engine.end()
    }

    @Test(
        "the front comes with the TOC, as far as the landmark where the manifest says how far that is, and is not fetched again",
        arguments: [true, false])
    func front(isHinted: Bool) async throws {
        let test = try prioritized(10)
        var options = EngineFixture.openingOptions
        options.prefixSize = 100_000
        let engine = try await EngineFixture(isHinted ? test.hinted : test, opening: options)
        let map = engine.layer.stored.chunks
        engine.fetcher.prefetch(engine.layer, upTo: map.prefetchEnd)
        try untilPresent(engine, chunks(before: map.prefetchEnd, map))
        try engine.expectIdle()
        let ranges = engine.proxy.blobRequests.compactMap(\.range).sorted { $0.lowerBound < $1.lowerBound }
        #expect(ranges.first == 0...(isHinted ? Int(map.prefetchEnd) - 1 : 99_999))
        #expect(ranges.last == (isHinted ? Int(test.layer.tocOffset)...test.blob.count - 1 : ranges.last))
        #expect(ranges.count == (isHinted ? 2 : 3))
        // A guess ends within a chunk, which then comes as a whole.
        for (one, next) in zip(ranges, ranges.dropFirst()) where isHinted { #expect(one.upperBound < next.lowerBound) }
        #expect(engine.layer.statistics.snapshot.prefetchBytes <= map.prefetchEnd)
        try await engine.end()
    }

    @Test("of a layer whose size nobody tells, as snapshot labels do not, the hint brings the TOC and the front, and no byte more")
    func frontOfUnknownSize() async throws {
        var test = try prioritized(10).hinted
        test.descriptor.size = 0
        let engine = try await EngineFixture(test)
        #expect(engine.layer.stored.facts.blobSize == UInt64(test.blob.count))
        #expect(engine.proxy.blobRequests.map { $0.headers["range"] } == ["bytes=-\(test.layer.size - test.layer.tocOffset)"])
        try await engine.end()
    }

    @Test("a front that fails is fetched again with the rest")
    func brokenFront() async throws {
        let test = try prioritized(10).hinted
        var options = EngineFixture.openingOptions
        options.prefixSize = 100_000
        let engine = try await EngineFixture(test, opening: options) { proxy in
            proxy.run { $0.range?.lowerBound == 0 ? .reset(after: 50_000) : nil }
        }
        let map = engine.layer.stored.chunks
        engine.fetcher.prefetch(engine.layer, upTo: map.prefetchEnd)
        try untilPresent(engine, chunks(before: map.prefetchEnd, map))
        let restart = engine.proxy.blobRequests.compactMap(\.range).first { $0.lowerBound > 0 && $0.upperBound < Int(map.prefetchEnd) }
        #expect((20_000...50_000).contains(restart?.lowerBound ?? 0))
        try await engine.end()
    }

    @Test("a layer is completed in the background, once it is quiet; nothing is fetched twice, and who wants to know is told")
    func completion() async throws {
        var options = EngineFixture.fetchOptions
        options.completesLayers = true
        let test = try TestLayer.usual()
        let engine = try await EngineFixture(test, options: options)
        let told = Monitor(0)
        engine.layer.onComplete { told.update { $0 += 1 } }
        engine.fetcher.complete(engine.layer)
        try await engine.read(10...12)
        let start = ContinuousClock.now
        told.wait { $0 > 0 ? () : nil }
        #expect(start.duration(to: .now) > BackgroundPolicy.calm - .milliseconds(500))
        #expect(try engine.layer.isComplete && engine.hasEverything())
        engine.layer.onComplete { told.update { $0 += 10 } }
        #expect(told.update { $0 } == 11)
        try engine.expectIdle()
        // The end that was asked for to find the TOC holds some chunks, which come again.
        let ranges = engine.proxy.blobRequests.compactMap(\.range).filter { $0.upperBound < Int(test.layer.tocOffset) }
            .sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(ranges, ranges.dropFirst()) { #expect(one.upperBound < next.lowerBound) }
        #expect(engine.layer.statistics.snapshot.backgroundBytes > 4_000_000)
        // Whoever wants to know is told first.
        try waitUntil("the goal is gone") { engine.fetcher.state.withLock { $0.goals.isEmpty(.background) } }
        try await engine.end()
    }

    @Test("the layer that is being read is completed before the others")
    func layerInUse() async throws {
        var options = EngineFixture.fetchOptions
        options.completesLayers = true
        options.backgroundStreams = 1
        let engine = try await EngineFixture(prioritized(0), options: options)
        let used = try prioritized(0, seed: 2)
        try await EngineFixture.push(used, to: engine.registry.address)
        let layer = try await engine.opener.open(used.descriptor, of: engine.reference)
        for each in [engine.layer, layer] { engine.fetcher.complete(each) }
        try await withCheckedThrowingContinuation { continuation in
            engine.fetcher.demand(0...0, of: layer) { continuation.resume(with: $0) }
        }
        let before = engine.proxy.blobRequests.count
        try waitUntil("both are complete") { engine.layer.isComplete && layer.isComplete }
        let digests = engine.proxy.blobRequests.dropFirst(before).map { $0.target.split(separator: "/").last.map(String.init) }
        #expect(digests.first == layer.digest.description && digests.last == engine.layer.digest.description)
        try await engine.end()
    }

    @Test("a background range that would hold up a demand makes way for it, and is gone on with later")
    func cut() async throws {
        var options = EngineFixture.fetchOptions
        options.completesLayers = true
        options.backgroundStreams = 1
        let engine = try await EngineFixture(.usual(), options: options)
        engine.proxy.run { _ in .slow(bytesPerSecond: 1_000_000) }
        // Tells how slow the link is.
        try await engine.read(0...0)
        engine.fetcher.complete(engine.layer)
        try waitUntil("it fetches in the background") { engine.layer.statistics.snapshot.backgroundBytes > 0 }
        let last = engine.chunkCount - 1
        try await engine.read(last...last)
        #expect(engine.layer.statistics.snapshot.cuts == 1)
        engine.proxy.run(nil)
        try waitUntil("it is complete", deadline: .seconds(30)) { engine.layer.isComplete }
        #expect(try engine.hasEverything())
        try await engine.end()
    }

    @Test("with the background switched off nothing comes that nobody asked for")
    func off() async throws {
        let engine = try await EngineFixture(.usual())
        engine.fetcher.complete(engine.layer)
        #expect(engine.fetcher.state.withLock { $0.goals.isEmpty(.background) })
        #expect(await engine.readAll().isEmpty)
        try waitUntil("it is noticed that all has been read") { engine.layer.isComplete }
        #expect(engine.layer.statistics.snapshot.backgroundBytes == 0)
        try await engine.end()
    }

    @Test("the bandwidth limit slows prefetches, and no demand")
    func limit() async throws {
        var options = EngineFixture.fetchOptions
        options.bandwidthLimit = 1_000_000
        let engine = try await EngineFixture(.usual(), options: options)
        let start = ContinuousClock.now
        engine.fetcher.prefetch(engine.layer, upTo: 3_000_000)
        let last = engine.chunkCount - 1
        try await engine.read(last...last)
        #expect(start.duration(to: .now) < .seconds(2))
        let map = engine.layer.stored.chunks
        try untilPresent(engine, chunks(before: 3_000_000, map))
        #expect(start.duration(to: .now) > .milliseconds(1_500))
        try await engine.end()
    }

    @Test("chunks that another layer has are copied, also for prefetch and background")
    func shared() async throws {
        var options = EngineFixture.fetchOptions
        options.completesLayers = true
        let engine = try await EngineFixture(prioritized(0), options: options)
        #expect(await engine.readAll().isEmpty)
        let other = try prioritized(10)
        try await EngineFixture.push(other, to: engine.registry.address)
        let layer = try await engine.opener.open(other.descriptor, of: engine.reference)
        let before = engine.proxy.blobRequests.count
        engine.fetcher.prefetch(layer, upTo: layer.stored.chunks.prefetchEnd)
        engine.fetcher.complete(layer)
        try waitUntil("it is complete") { layer.isComplete }
        #expect(engine.proxy.blobRequests.count == before && layer.statistics.snapshot.fetchedBytes == 0)
        try await engine.end()
    }

    @Test("a layer that is given up fails the reads that wait for it at once, and may be read again")
    func release() async throws {
        let engine = try await EngineFixture(.usual())
        engine.proxy.run { _ in .stall(after: 0) }
        let failed = Task { try await engine.read(0...3) }
        try waitUntil("it waits") { !engine.fetcher.reads.all.isEmpty }
        engine.fetcher.release(engine.layer)
        await #expect(throws: FetchError.closed(layer: engine.layer.digest)) { try await failed.value }
        try engine.expectIdle()
        engine.proxy.run(nil)
        try await engine.read(0...3)
        try await engine.end()
    }

    @Test("an engine that ends fails the reads that wait, and those that come")
    func shutdown() async throws {
        let engine = try await EngineFixture(.usual())
        engine.proxy.run { _ in .stall(after: 0) }
        let failed = Task { try await engine.read(0...3) }
        try waitUntil("it waits") { !engine.fetcher.reads.all.isEmpty }
        try await engine.end()
        await #expect(throws: FetchError.shutDown) { try await failed.value }
        await #expect(throws: FetchError.shutDown) { try await engine.read(5...5) }
    }
}
