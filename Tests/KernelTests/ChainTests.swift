import ChunkStore
import Conversion
import Digests
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

/// Images of several layers as a container sees them: one tree, whoever serves it.
@Suite("chains of lazy layers", .serialized)
struct ChainTests {
    static let modes: [ServingMode] = [.native, .fuse]

    /// A three-layer image in a real registry, and the same unpacked by umoci.
    private struct Image {
        let registry: RegistryServer
        let directory: TemporaryDirectory
        let client = RegistryClient()
        let reference: Reference
        let manifest: Manifest
        let expected: TreeListing

        init() async throws {
            try requireRoot()
            try requireFuse()
            registry = try RegistryServer()
            directory = try TemporaryDirectory(in: "/var/tmp")
            let layout = try TestImages.layered(in: directory.path)
            try run("umoci", ["raw", "unpack", "--image", layout + ":latest", directory.path + "/unpacked"])
            expected = try TreeListing(directory.path + "/unpacked").withoutTop()
            reference = try Reference(parsing: "\(registry.address)/chain:lazy")
            let destination = RegistryDestination(client: client, reference: reference)
            _ = try await ImageConverter(options: ConversionOptions()).convert(
                from: OCILayoutSource(directory: layout, tag: nil), to: destination)
            manifest = try Documents.decode(Manifest.self, from: try await client.resolve(reference).1, what: "manifest")
        }

        /// A node with a store of its own.
        func node(_ name: String, mode: ServingMode) throws -> LazyNode {
            let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            return try LazyNode(
                root: "\(directory.path)/\(name)", directory: "\(directory.path)/\(name)", mode: mode, client: client, prefetch: .none,
                log: log)
        }

        func open(_ node: LazyNode) async throws -> [LazyNode.Opened] {
            var opened: [LazyNode.Opened] = []
            for layer in manifest.layers { opened.append(try await node.open(layer, of: reference)) }
            return opened
        }

        /// Mounts lower directories as a container's root, writable, for the time of `body`.
        func withRoot<Value: Sendable>(
            _ lowers: [String], _ body: @escaping @Sendable (String) throws -> Value
        ) async throws -> Value {
            let base = "\(directory.path)/container"
            return try await BlockingTask.run {
                for name in ["root", "upper", "work"] { try Files.makeDirectories(base + "/" + name) }
                let overlay = OverlayMount(lowerDirectories: lowers, upperDirectory: base + "/upper", workDirectory: base + "/work")
                try overlay.mount(at: base + "/root")
                defer {
                    try? Mounts.unmount(base + "/root")
                    try? Files.remove(base)
                }
                return try body(base + "/root")
            }
        }
    }

    @Test("three layers are the tree that umoci unpacks, contents and links too", arguments: modes)
    func sameTree(mode: ServingMode) async throws {
        let image = try await Image()
        let node = try image.node("node", mode: mode)
        #expect((node.serving == .native) == (mode == .native))
        let opened = try await image.open(node)
        let lowers = try await BlockingTask.run { try node.lowerDirectories(of: opened) }
        let seen = try await image.withRoot(lowers) { try TreeListing($0).withoutTop() }
        let differences = seen.differences(from: image.expected)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        try await BlockingTask.run { node.shutdown() }
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(image.directory.path) })
    }

    @Test("above an unpacked layer the lazy ones hide what they should", arguments: modes)
    func mixed(mode: ServingMode) async throws {
        let image = try await Image()
        let node = try image.node("node", mode: mode)
        let opened = try await image.open(node)
        // What a client that unpacked the lowest layer itself has: overlayfs shows it as its own tree.
        let lowest = try await BlockingTask.run { try node.lowerDirectories(of: [opened[0]]) }
        let copy = image.directory.path + "/lowest"
        try await image.withRoot(lowest) { _ = try run("cp", ["-a", $0, copy]) }
        let upper = try await BlockingTask.run { try node.lowerDirectories(of: Array(opened.dropFirst()), keepsWhiteouts: true) }
        let seen = try await image.withRoot(upper + [copy]) { try TreeListing($0).withoutTop() }
        // overlayfs shows the link count of the directory below, which knows nothing of names that are hidden above it.
        let differences = seen.withoutLinkCounts().differences(from: image.expected.withoutLinkCounts())
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        try await BlockingTask.run { node.shutdown() }
    }

    @Test("a chain that is known mounts without the registry, and a complete one without FUSE", arguments: modes)
    func known(mode: ServingMode) async throws {
        let image = try await Image()
        let node = try image.node("node", mode: mode)
        let opened = try await image.open(node)
        let lowers = try await BlockingTask.run { try node.lowerDirectories(of: opened) }
        _ = try await image.withRoot(lowers) { try TreeListing($0) }
        // What was replaced or deleted has not been read: fetch it too.
        for layer in opened {
            let directory = try #require(layer.directory)
            _ = try await BlockingTask.run { try TreeListing(directory) }
            #expect(layer.layer.stored.isComplete)
        }
        try await BlockingTask.run { node.shutdown() }
        image.registry.kill(SIGKILL)
        let second = try image.node("node", mode: mode)
        let again = try await image.open(second)
        let complete = try await BlockingTask.run { try second.lowerDirectories(of: again) }
        if mode == .native { #expect(complete[0].hasSuffix("-whole")) }
        let seen = try await image.withRoot(complete) { try TreeListing($0).withoutTop() }
        #expect(seen == image.expected)
        try await BlockingTask.run { second.shutdown() }
    }

    @Test("the state of each layer is found by its path and in no listing", arguments: modes)
    func state(mode: ServingMode) async throws {
        let image = try await Image()
        let node = try image.node("node", mode: mode)
        let opened = try await image.open(node)
        let lowers = try await BlockingTask.run { try node.lowerDirectories(of: opened) }
        let digests = image.manifest.layers.map(\.digest)
        let texts = try await image.withRoot(lowers) { root -> [String] in
            #expect(try !Files.entries(root).contains(".stargz-snapshotter"))
            func state() throws -> String {
                let path = "\(root)/.stargz-snapshotter/\(digests[2]).json"
                return String(decoding: try Files.read(path, limit: 4096), as: UTF8.self)
            }
            let before = try state()
            _ = try Files.read(root + "/big", limit: 1 << 30)
            return [before, try state()]
        }
        let states = try texts.map { try Documents.decode(State.self, from: Array($0.utf8), what: "state") }
        #expect(states[0].digest == digests[2].description && states[0].fetchedSize < states[1].fetchedSize, "\(texts)")
        #expect(states[1].fetchedSize <= states[1].size && states[1].fetchedPercent > 90)
        try await BlockingTask.run { node.shutdown() }
    }

    private struct State: Decodable {
        var digest: String
        var size: UInt64
        var fetchedSize: UInt64
        var fetchedPercent: Double
    }
}

extension TreeListing {
    /// Without the root directory, whose attributes are the upper directory's on an overlay.
    fileprivate func withoutTop() -> TreeListing {
        var listing = self
        listing.files["."] = nil
        return listing
    }

    fileprivate func withoutLinkCounts() -> TreeListing {
        var listing = self
        for path in files.keys { listing.files[path]?.links = 0 }
        return listing
    }
}
