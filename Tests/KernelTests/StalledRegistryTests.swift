import ChunkStore
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import Logging
import OCI
import Registry
import TestSupport
import Testing
import Threads

/// Docker's registry behind a proxy that sends the front of every answer and then nothing, and readers that wait for the rest.
@Suite("a layer that is given up while its registry says nothing", .serialized)
struct StalledRegistryTests {
    /// How the waiting ends.
    enum End: String, CaseIterable {
        case close, shutdown, forcedUnmount
    }

    /// A registry with the fixture, and the proxy before it.
    private struct Stage {
        let registry: RegistryServer
        let proxy: FaultProxy
        let reference: Reference

        static let files = ["big/10m.bin", "big/exact4m", "bin/tool", "etc/conf"]

        init() throws {
            try requireRoot()
            try requireFuse()
            registry = try RegistryServer()
            try registry.push("oci-archive:" + Fixtures.path("a-estargz.tar"), as: "fixture:lazy")
            proxy = try FaultProxy(to: registry.port)
            reference = try Reference(parsing: "\(proxy.address)/fixture:lazy")
        }

        /// Readers wait on a node of its own, and the end comes; returns the error of each, and how long the longest took to hear of it.
        func waitAndEnd(_ mode: ServingMode, _ end: End) async throws -> (codes: [Int32?], longest: Duration) {
            proxy.run(nil)
            let directory = try TemporaryDirectory()
            var options = RegistryOptions()
            // The proxy would wait for the end of a TLS greeting, and the client for its answer.
            options.plainHTTP = true
            let client = RegistryClient(options: options)
            let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let node = try LazyNode(
                root: directory.path, directory: directory.path, mode: mode, client: client, prefetch: .none, log: log)
            let manifest = try Documents.decode(Manifest.self, from: try await client.resolve(reference).1, what: "manifest")
            let opened = try await node.open(manifest.layers[0], of: reference)
            // Nothing comes before it is read, so that every read waits.
            proxy.run { $0.isForBlob ? .stall(after: 1) : nil }
            let outcome = try await BlockingTask.run { () -> (codes: [Int32?], longest: Duration) in
                let top = try node.lowerDirectories(of: [opened])[0]
                let (before, unread) = (proxy.blobRequests.count, opened.layer.stored.bytesPresent)
                let readers = try (0..<20).map { number in
                    try Background { Stage.read(top + "/" + Stage.files[number % Stage.files.count]) }
                }
                try waitUntil("the registry was asked") { proxy.blobRequests.count > before }
                usleep(200_000)
                #expect(opened.layer.stored.bytesPresent == unread, "nothing can have come")
                let ended = ContinuousClock.now
                let ending = try Background {
                    switch end {
                    case .close: node.close(opened)
                    case .shutdown: node.shutdown()
                    case .forcedUnmount: try run("umount", ["-f", "-l", directory.path + "/lazy"])
                    }
                }
                let answers = try readers.map { try $0.value() }
                try ending.value()
                node.shutdown()
                let longest = answers.map { ended.duration(to: $0.time) }.max() ?? .zero
                return (answers.map(\.code), max(longest, .zero))
            }
            client.shutdown()
            #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(directory.path) })
            return outcome
        }

        /// Reads a file, if it can, and says with which error that ended, and when.
        private static func read(_ path: String) -> (code: Int32?, time: ContinuousClock.Instant) {
            do throws(HostError) {
                _ = try Files.read(path, limit: 1 << 30)
                return (nil, .now)
            } catch {
                return (error.code, .now)
            }
        }
    }

    @Test(
        "reads end with an error at once, nothing hangs, and no thread and no descriptor is left",
        arguments: [ServingMode.native, .fuse])
    func givenUp(mode: ServingMode) async throws {
        let stage = try Stage()
        // Once before anything is counted: what a process makes once and keeps is there then.
        _ = try await stage.waitAndEnd(mode, .close)
        let (threads, descriptors) = (ProcessFacts.threads, ProcessFacts.descriptors)
        for end in End.allCases {
            let (codes, longest) = try await stage.waitAndEnd(mode, end)
            #expect(codes.allSatisfy { [EIO, ENOENT, ENOTCONN, ECONNABORTED].contains($0) }, "\(end): \(codes)")
            #expect(longest < .seconds(5), "\(end)")
            try waitUntil("after \(end) threads and descriptors are as before: \(threads) and \(descriptors)") {
                ProcessFacts.threads <= threads && ProcessFacts.descriptors <= descriptors
            }
        }
    }
}
