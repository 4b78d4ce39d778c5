import ChunkStore
import Registry
import Synchronization
import TestSupport
import Testing
import TreeImage

@testable import FetchEngine

@Suite("faults of a registry", .serialized)
struct FaultTests {
    /// What happens to every third answer.
    static let faults: [(String, Fault)] = [
        ("reset", .reset(after: 30_000)), ("reset at once", .reset(after: 1)), ("stall", .stall(after: 20_000)),
        ("truncated", .truncate(after: 30_000)), ("wrong byte", .corrupt(at: 500)), ("500", .status("500 Internal Server Error")),
        ("503", .status("503 Service Unavailable", headers: ["Retry-After: 0"])),
        ("429", .status("429 Too Many Requests", headers: ["Retry-After: 0"])), ("404", .status("404 Not Found")),
        ("403", .status("403 Forbidden")), ("401", .status("401 Unauthorized")), ("whole body", .wholeBody), ("shifted", .shifted(by: 10)),
        ("shifted back", .shifted(by: -10)), ("Content-Range without sense", .contentRange("bytes 5-4/3")),
        ("Content-Range of another blob", .contentRange("bytes 0-9/10")), ("no Content-Range", .contentRange("")),
    ]

    // One after the other: what may never pass is tried three times, and answers to others in between would make these three the bad ones.
    @Test("every read gets the right bytes when every third answer is a bad one", arguments: faults.indices)
    func everyThird(index: Int) async throws {
        let engine = try await EngineFixture(.usual())
        let (name, fault) = Self.faults[index]
        engine.proxy.run { $0.isForBlob && $0.number % 3 == 1 ? fault : nil }
        let errors = await engine.readAll(at: 1)
        #expect(errors.isEmpty, "\(name): \(errors)")
        #expect(try engine.hasEverything())
        #expect(engine.layer.statistics.snapshot.failures > 0 || name == "whole body")
        try engine.expectIdle()
        try await engine.end()
    }

    @Test("after a cut only the rest is asked for", arguments: [Fault.reset(after: 100_000), .truncate(after: 100_000)])
    func resumed(fault: Fault) async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [900_000]))
        engine.proxy.run { $0.number == 0 ? fault : nil }
        try await engine.read(0...0)
        let ranges = engine.proxy.blobRequests.compactMap(\.range).suffix(2)
        let (first, second) = (try #require(ranges.first), try #require(ranges.last))
        #expect(ranges.count == 2 && second.lowerBound > first.lowerBound + 50_000 && second.upperBound == first.upperBound)
        #expect(engine.layer.statistics.snapshot.retries == 1)
        try await engine.end()
    }

    @Test("bytes that stay wrong are an error of their chunk after a second try, and right bytes later are taken")
    func wrongBytes() async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [200_000, 400_000, 200_000]))
        let bad = engine.layer.stored.chunks.chunk(1).blobOffset + 5_000
        engine.proxy.run { request in
            guard let range = request.range, range.contains(Int(bad)) else { return nil }
            return .corrupt(at: Int(bad) - range.lowerBound)
        }
        await #expect(throws: (any Error).self) { try await engine.read(1...1) }
        #expect(engine.proxy.blobRequests.filter { $0.range?.contains(Int(bad)) ?? false }.count == 2)
        #expect(engine.proxy.blobRequests.last?.headers["cache-control"] == "no-cache")
        #expect(!engine.layer.stored.isPresent(1))
        try await engine.read(0...0)
        try await engine.read(2...2)
        #expect(engine.layer.statistics.snapshot.faults[.wrongBytes] ?? 0 >= 2)
        engine.proxy.run(nil)
        try await engine.read(1...1)
        #expect(try engine.hasEverything())
        try engine.expectIdle()
        try await engine.end()
    }

    @Test("a mirror that gives wrong bytes is asked last from then on")
    func wrongMirror() async throws {
        let test = try TestLayer.usual()
        let mirrorRegistry = try RegistryServer()
        try await EngineFixture.push(test, to: mirrorRegistry.address)
        let mirror = try FaultProxy(to: mirrorRegistry.port)
        let engine = try await EngineFixture(
            test,
            registryOptions: { front in
                var options = EngineFixture.registryOptions
                options.hosts = { _ in
                    RegistryHosts(
                        mirrors: RegistryHost(url: "http://\(mirror.address)").map { [$0] } ?? [], server: RegistryHost(registry: front))
                }
                return options
            })
        mirror.run { _ in .corrupt(at: 3) }
        #expect(engine.proxy.blobRequests.isEmpty)
        #expect(await engine.readAll(at: 1).isEmpty)
        #expect(try engine.hasEverything())
        #expect(mirror.blobRequests.count == 2, "\(mirror.blobRequests.map(\.range))")
        #expect(engine.proxy.blobRequests.count > 2)
        try await engine.end()
    }

    @Test("a registry that is gone for a while makes reads wait, and they succeed when it is back")
    func gone() async throws {
        let engine = try await EngineFixture(.usual())
        engine.proxy.down()
        async let errors = engine.readAll(at: 20)
        try waitUntil("several attempts have failed") { engine.layer.statistics.snapshot.faults[.unreachable] ?? 0 > 40 }
        #expect(engine.layer.stored.bytesPresent == 0)
        try engine.proxy.up()
        #expect(await errors.isEmpty)
        #expect(try engine.hasEverything())
        try await engine.end()
    }

    @Test("a registry that stays away fails reads at their deadline, says why, and a later read succeeds once it is back")
    func deadline() async throws {
        var options = EngineFixture.fetchOptions
        options.readTimeout = .seconds(1)
        let engine = try await EngineFixture(.usual(), options: options)
        engine.proxy.down()
        let errors = await engine.readAll(at: engine.chunkCount)
        #expect(errors.count == engine.chunkCount)
        for error in errors.values {
            guard case FetchError.timedOut(_, _, .some)? = error as? FetchError else {
                Issue.record("\(error)")
                continue
            }
        }
        try engine.expectIdle()
        try engine.proxy.up()
        #expect(await engine.readAll().isEmpty)
        #expect(try engine.hasEverything())
        try await engine.end()
    }

    @Test(
        "what does not pass fails without waiting for the deadline, and is asked anew later",
        arguments: ["404 Not Found", "403 Forbidden", "401 Unauthorized", "400 Bad Request"])
    func lasting(status: String) async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [1000]))
        engine.proxy.run { _ in .status(status) }
        let error = await #expect(throws: RangeFailure.self) { try await engine.read(0...0) }
        #expect(error?.isPassing == false)
        engine.proxy.run(nil)
        try await engine.read(0...0)
        try await engine.end()
    }

    @Test("a registry that wants to be left alone for a second is")
    func retryAfter() async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [1000]))
        let limited = Fault.status("429 Too Many Requests", headers: ["Retry-After: 1"])
        engine.proxy.run { $0.number == 0 ? limited : nil }
        let start = ContinuousClock.now
        try await engine.read(0...0)
        #expect(start.duration(to: .now) >= .seconds(1) && engine.layer.statistics.snapshot.faults == [.rateLimited: 1])
        try await engine.end()
    }

    @Test("redirects in a circle end, as an error")
    func redirects() async throws {
        let engine = try await EngineFixture(TestLayer(sizes: [1000]))
        engine.proxy.run { .status("307 Temporary Redirect", headers: ["Location: \($0.target)"]) }
        await #expect(throws: RangeFailure.self) { try await engine.read(0...0) }
        #expect(engine.proxy.blobRequests.count <= 1 + 11 * RetryPlan.doubtfulAttempts)
        engine.proxy.run(nil)
        try await engine.read(0...0)
        try await engine.end()
    }

    @Test("a token that has expired is replaced, once for all who wait")
    func expiredToken() async throws {
        let engine = try await EngineFixture(.usual())
        let realm = "http://\(engine.proxy.address)/token"
        let issued = Atomic<Int>(0)
        let valid = Atomic<Int>(1)
        engine.proxy.run { request in
            if request.target.hasPrefix("/token") {
                return .answer(#"{"token":"t\#(issued.add(1, ordering: .relaxed).newValue)"}"#)
            }
            let isValid = request.headers["authorization"] == "Bearer t\(valid.load(ordering: .relaxed))"
            return isValid ? nil : .status("401 Unauthorized", headers: [#"WWW-Authenticate: Bearer realm="\#(realm)",service="r""#])
        }
        try await engine.read(0...0)
        #expect(issued.load(ordering: .relaxed) == 1)
        valid.store(2, ordering: .relaxed)
        #expect(await engine.readAll(at: 20).isEmpty)
        #expect(issued.load(ordering: .relaxed) == 2)
        #expect(try engine.hasEverything() && engine.layer.statistics.snapshot.failures == 0)
        try await engine.end()
    }

    @Test("a signed URL that has expired is resolved again, and shows nobody's authorization to the other host")
    func expiredURL() async throws {
        let engine = try await EngineFixture(.usual())
        let elsewhere = try FaultProxy(to: engine.registry.port)
        let signature = Atomic<Int>(1)
        engine.proxy.run { request in
            .status(
                "307 Temporary Redirect",
                headers: ["Location: http://\(elsewhere.address)\(request.target)?sig=\(signature.load(ordering: .relaxed))"])
        }
        elsewhere.run { $0.target.hasSuffix("sig=\(signature.load(ordering: .relaxed))") ? nil : .status("403 Forbidden") }
        try await engine.read(0...3)
        let before = engine.proxy.blobRequests.count
        try await engine.read(20...23)
        #expect(engine.proxy.blobRequests.count == before, "the URL is remembered")
        signature.store(2, ordering: .relaxed)
        #expect(await engine.readAll(at: 1).isEmpty)
        #expect(engine.proxy.blobRequests.count == before + 1, "and asked for once when it has expired")
        #expect(elsewhere.requests.allSatisfy { $0.headers["authorization"] == nil })
        #expect(engine.layer.statistics.snapshot.failures == 0)
        try await engine.end()
    }

    @Test("a registry that knows no ranges costs a large layer nothing: it is refused, and a read that meets it fails")
    func noRanges() async throws {
        let engine = try await EngineFixture(TestLayer(sizes: (0..<12).map { _ in 1 << 20 }))
        engine.proxy.run { _ in .wholeBody }
        let last = engine.chunkCount - 1
        await #expect(throws: RangeFailure.self) { try await engine.read(last...last) }
        // Near the front the bytes before it are few, and are taken.
        try await engine.read(1...1)
        try await engine.end()
    }

    @Test("five hundred readers of cold chunks, every fifth answer a bad one: right bytes, few connections and threads")
    func crowd() async throws {
        let engine = try await EngineFixture(.usual())
        // What passes; the rest may by chance meet the same range three times.
        let kinds = Self.faults.filter { ["reset", "reset at once", "truncated", "500", "503"].contains($0.0) }.map(\.1)
        engine.proxy.run { $0.number % 5 == 4 ? kinds[$0.number / 5 % kinds.count] : nil }
        let threads = ProcessFacts.threads
        let count = engine.chunkCount
        let errors = await withTaskGroup(of: (any Error)?.self) { group in
            for number in 0..<500 {
                group.addTask {
                    let index = number * 31 % count
                    do {
                        try await engine.read(index...min(count - 1, index + number % 3))
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var errors: [any Error] = []
            while let error = await group.next() { if let error { errors.append(error) } }
            return errors
        }
        #expect(errors.isEmpty)
        #expect(engine.proxy.connections.open <= 24 && ProcessFacts.threads <= threads + 2 * 24 + 4)
        #expect(engine.fetcher.state.withLock { $0.queue.limits.active } <= 24)
        try engine.expectIdle()
        #expect(engine.layer.flights.withLock { $0.underWay.count } == 0)
        try await engine.end()
    }
}
