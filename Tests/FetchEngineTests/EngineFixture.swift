import ChunkStore
import Digests
import HostSystem
import Logging
import OCI
import Registry
import Synchronization
import TestSupport
import Testing
import Threads
import TreeImage

@testable import FetchEngine

/// A layer in Debian's docker-registry behind a proxy that makes trouble, and an engine that reads it. Everything is gone with `end`.
struct EngineFixture {
    let registry: RegistryServer
    let proxy: FaultProxy
    let client: RegistryClient
    let directory: TemporaryDirectory
    let source: RemoteBlob
    let layer: LazyLayer
    let fetcher: ChunkFetcher
    let opener: LayerOpener
    let reference: Reference

    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Plain HTTP, short silences.
    static var registryOptions: RegistryOptions {
        var options = RegistryOptions()
        options.plainHTTP = true
        options.silence = .milliseconds(300)
        return options
    }

    /// Nothing in the background, short waits.
    static var fetchOptions: FetchOptions {
        var options = FetchOptions()
        options.completesLayers = false
        options.readTimeout = .seconds(60)
        options.longestRetryWait = .milliseconds(200)
        return options
    }

    /// No fronts: just what a test is about.
    static var openingOptions: LayerOpener.Options {
        var options = LayerOpener.Options()
        options.prefixSize = 0
        return options
    }

    /// Puts a layer into a repository.
    static func push(_ test: TestLayer, to address: String) async throws {
        let client = RegistryClient(options: registryOptions)
        defer { client.shutdown() }
        let destination = RegistryDestination(client: client, reference: try Reference(parsing: "\(address)/app:1"))
        try await destination.putBlob(test.descriptor, bytes: test.blob)
    }

    init(
        _ test: TestLayer, options: FetchOptions = fetchOptions, opening: LayerOpener.Options = openingOptions,
        prepare: (FaultProxy) -> Void = { _ in },
        registryOptions: (_ front: String) throws -> RegistryOptions = { _ in EngineFixture.registryOptions }
    ) async throws {
        registry = try RegistryServer()
        try await EngineFixture.push(test, to: registry.address)
        proxy = try FaultProxy(to: registry.port)
        prepare(proxy)
        client = RegistryClient(options: try registryOptions(proxy.address))
        directory = try TemporaryDirectory(prefix: "engine-")
        let store = try LayerStore(root: directory.path)
        reference = try Reference(parsing: "\(proxy.address)/app:1")
        opener = LayerOpener(store: store, client: client, options: opening)
        layer = try await opener.open(test.descriptor, of: reference)
        source = client.blob(test.descriptor, of: reference)
        fetcher = try ChunkFetcher(store: store, log: EngineFixture.quiet, options: options)
    }

    var chunkCount: Int { layer.stored.chunks.count }

    /// Waits for chunks.
    func read(_ chunks: ClosedRange<Int>) async throws {
        try await withCheckedThrowingContinuation { continuation in
            fetcher.demand(chunks, of: layer) { continuation.resume(with: $0) }
        }
    }

    /// Reads all chunks, so many at a time, in an order that jumps; returns the errors.
    func readAll(at once: Int = 8) async -> [Int: any Error] {
        let count = chunkCount
        return await withTaskGroup(of: (Int, (any Error)?).self) { group in
            var errors: [Int: any Error] = [:]
            for number in 0..<count {
                if number >= once, let (index, error) = await group.next() { errors[index] = error }
                let index = number * 37 % count
                group.addTask {
                    do {
                        try await read(index...index)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            for await (index, error) in group { errors[index] = error }
            return errors
        }
    }

    /// Whether the content file holds every chunk's bytes, checked here and not by the engine.
    func hasEverything() throws -> Bool {
        let content = layer.stored.content
        return try (0..<chunkCount).allSatisfy { index in
            let chunk = layer.stored.chunks.chunk(index)
            var bytes = [UInt8](repeating: 0, count: Int(chunk.size))
            let count = try bytes.withUnsafeMutableBytes { try content.read(at: chunk.contentOffset, into: $0) }
            return layer.stored.isPresent(index) && count == bytes.count && Digest.sha256(bytes) == chunk.digest
        }
    }

    /// Fails unless nothing is under way any more.
    func expectIdle() throws {
        try waitUntil("nothing is under way") {
            layer.flights.withLock { $0.underWay.isEmpty } && fetcher.reads.all.isEmpty
                && fetcher.state.withLock { state in
                    FetchPriority.allCases.allSatisfy { state.queue.activeCount($0) + state.queue.waitingCount($0) == 0 }
                }
        }
    }

    func end() async throws {
        try await BlockingTask.run { fetcher.shutdown() }
        client.shutdown()
    }
}
