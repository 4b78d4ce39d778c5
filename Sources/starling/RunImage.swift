import ChunkStore
import ContainerRun
import Digests
import FetchEngine
import LazyFS
import Logging
import OCI
import Profiles
import Registry
import StartTrace
import Threads

/// An image on its way to being a root file system: every layer opened lazily, all at once; what cannot be lazy is pulled and unpacked.
struct RunImage: Sendable {
    let source: any ImageSource
    /// Whether the image is on this machine: then its layers are read there, and its registry is not asked.
    var isLocal = false
    /// Whether a layer that cannot be lazy is an error.
    var requiresLazy = false
    let reference: Reference
    let platform: Platform
    let node: LazyNode
    let root: String
    /// Where the image's profile is, by which is prefetched; nil for not at all.
    var profiles: ImageProfiles?
    /// Program and arguments in place of the image's, empty for the image's; nil when no program is about to start.
    let command: [String]?
    let say: @Sendable (String) -> Void
    let log: Logger
    /// Who takes down what takes how long; nil for nobody.
    var trace: TraceRecorder?

    /// An image whose layers are directories.
    struct Prepared: Sendable {
        let config: ImageConfig
        /// Topmost first, as overlayfs wants them.
        let lowerDirectories: [String]
        let lazy: [LazyNode.Opened]
        /// All layers as the manifest has them, the lowest first.
        let descriptors: [Descriptor]
        /// Looks for the image's profile; to be cancelled with the node.
        let profile: Task<Void, Never>?

        /// Says what was fetched.
        func report(_ client: RegistryClient, _ say: (String) -> Void) {
            for opened in lazy {
                let counts = opened.layer.statistics.snapshot
                let stored = opened.layer.stored
                say(
                    "layer \(stored.digest): \(counts.fetchedBytes) of \(stored.facts.blobSize) bytes fetched in \(counts.requests) ranges, "
                        + "\(counts.demandMisses) reads waited \(counts.demandWaitNanoseconds / 1_000_000) ms")
            }
            let all = client.statistics
            say("registry: \(all.requests) requests, \(all.bytesReceived) bytes")
        }
    }

    private struct NoImage: Error, CustomStringConvertible {
        let description: String
    }

    /// Opens configuration and layers.
    func open() async throws -> Prepared {
        let resolving = trace?.begin(.resolve, "manifest")
        let image = try await PlatformImage(source: source, platform: platform)
        let manifest = image.manifest
        resolving?.end("\(manifest.layers.count) layers")
        // Asked for beside the layers, and by nobody waited for.
        let profile = profiles.map { profiles in Task { try await profiles.pull(of: image.descriptor.digest) } }
        let (layers, configBytes) = try await withThrowingTaskGroup(of: (Int, Layer).self) { group in
            for (index, layer) in manifest.layers.enumerated() {
                group.addTask { (index, try await open(layer, name: "layer \(index + 1) of \(manifest.layers.count)")) }
            }
            // After the layers: one of them, and not it, is to have the connection that is there.
            async let configBytes = source.smallBlob(manifest.config)
            return (try await group.reduce(into: [Int: Layer]()) { $0[$1.0] = $1.1 }, try await configBytes)
        }
        let config = try Documents.decode(ImageConfig.self, from: configBytes, what: "configuration of \(reference)")
        var lowers = LowerDirectories()
        for (index, descriptor) in manifest.layers.enumerated() {
            switch layers[index] {
            case .lazy(let opened): lowers.add(opened)
            case .plain, nil: lowers.add(unpacked: try await unpack(descriptor, index, config))
            }
        }
        let all = lowers
        let start = command.flatMap { ProgramStart(config.config, command: $0) }
        let directories = try await BlockingTask.run { try all.directories(on: node, start) }
        return Prepared(
            config: config, lowerDirectories: directories, lazy: all.lazy, descriptors: manifest.layers,
            profile: profile.map { expect($0, manifest, all.lazy) })
    }

    /// Prefetches what a profile says once it is here.
    private func expect(
        _ profile: Task<StartProfile?, any Error>, _ manifest: Manifest, _ lazy: [LazyNode.Opened]
    ) -> Task<Void, Never> {
        let places = lazy.compactMap { opened in manifest.layers.firstIndex { $0.digest == opened.layer.digest }.map { ($0, opened) } }
        return Task { [node, reference, log] in
            do {
                guard let profile = try await profile.value, profile.layers == manifest.layers.map(\.digest), !Task.isCancelled else {
                    return
                }
                log.debug("prefetching by the image's profile", metadata: ["files": "\(profile.expected.count)"])
                node.expect(profile.expected, of: Dictionary(places) { first, _ in first })
            } catch {
                log.debug("no profile", metadata: ["image": "\(reference)", "reason": "\(error)"])
            }
        }
    }

    /// The layers of an image, from the lowest on: lazy ones that follow each other become one directory.
    private struct LowerDirectories: Sendable {
        private enum Part {
            case lazy([LazyNode.Opened])
            case unpacked(String)
        }

        private var parts: [Part] = []
        private(set) var lazy: [LazyNode.Opened] = []

        mutating func add(_ layer: LazyNode.Opened) {
            lazy.append(layer)
            if case .lazy(let run)? = parts.last { parts[parts.count - 1] = .lazy(run + [layer]) } else { parts.append(.lazy([layer])) }
        }

        mutating func add(unpacked directory: String) { parts.append(.unpacked(directory)) }

        /// Topmost first, as overlayfs wants them.
        func directories(on node: LazyNode, _ start: ProgramStart?) throws -> [String] {
            var directories: [String] = []
            for (index, part) in parts.enumerated() {
                switch part {
                case .lazy(let run):
                    directories = try node.lowerDirectories(of: run, keepsWhiteouts: index > 0) + directories
                    // While the runtime prepares the container, what it will read first is on its way.
                    if let start { try node.expect(start, of: run) }
                case .unpacked(let directory): directories.insert(directory, at: 0)
                }
            }
            return directories
        }
    }

    private enum Layer: Sendable {
        case lazy(LazyNode.Opened)
        case plain
    }

    private func open(_ descriptor: Descriptor, name: String) async throws -> Layer {
        guard MediaType.layerCompression(descriptor.mediaType) != nil else {
            throw NoImage(description: "\(reference), \(name): media type \(descriptor.mediaType) is no file system layer")
        }
        do {
            if isLocal { return .lazy(try await node.open(descriptor, in: source, as: reference)) }
            return .lazy(try await node.open(descriptor, of: reference))
        } catch {
            switch error {
            case .registry, .store: throw NoImage(description: "\(reference), \(name) (\(descriptor.digest)): \(error)")
            case .tocDigestMismatch, .badTOC: throw NoImage(description: "\(reference), \(name) (\(descriptor.digest)): \(error)")
            case .notVerifiable, .notLazyFormat:
                guard !requiresLazy else {
                    throw NoImage(description: "\(reference), \(name), must be lazy for an ordinary user: \(error)")
                }
                say("\(name) is not lazy, pulling all \(descriptor.size) bytes: \(error)")
                return .plain
            }
        }
    }

    private func unpack(_ descriptor: Descriptor, _ index: Int, _ config: ImageConfig) async throws -> String {
        guard let diffID = config.rootfs?.diffIDs.dropFirst(index).first else {
            throw NoImage(description: "the configuration of \(reference) has no diffID for layer \(index + 1)")
        }
        let unpacker = try LayerUnpacker(root: root)
        if let directory = unpacker.existing(diffID) { return directory }
        let pulling = trace?.begin(.layers, "pull and unpack", layer: descriptor.digest.description)
        defer { pulling?.end("\(descriptor.size) bytes") }
        let stream = try await source.blob(descriptor)
        return try await BlockingTask.run(cancel: { stream.cancel() }) {
            try unpacker.unpack(layer: descriptor.digest, diffID: diffID, from: stream)
        }
    }
}
