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
    let reference: Reference
    let platform: Platform
    /// When the source is asked what the image is, and not what is remembered; nil for always, and then nothing is remembered.
    var pull: PullPolicy?
    var lazy = LazyPolicy.prefer
    let node: LazyNode
    let root: String
    /// Where the image's profile is, by which is prefetched; nil for not at all.
    var profiles: ImageProfiles?
    /// What is about to be started; nil when no program is.
    let command: Command?
    let say: @Sendable (String) -> Void
    let log: Logger
    /// Who takes down what takes how long; nil for nobody.
    var trace: TraceRecorder?

    /// What the command line says of the program.
    struct Command: Sendable {
        /// In place of the image's, and of its arguments.
        var entrypoint: [String]?
        /// In place of the image's arguments; empty for those.
        var arguments: [String]

        init(_ settings: ContainerSettings) { (entrypoint, arguments) = (settings.entrypoint, settings.command) }
    }

    /// An image whose layers are directories.
    struct Prepared: Sendable {
        let config: ImageConfig
        /// Digest of the manifest.
        let digest: Digest
        /// Topmost first, as overlayfs wants them.
        let lowerDirectories: [String]
        let lazy: [LazyNode.Opened]
        /// All layers as the manifest has them, the lowest first.
        let descriptors: [Descriptor]
        /// Looks for the image's profile; to be cancelled with the node.
        let profile: Task<Void, Never>?
        /// How lazy layers are shown.
        let serving: Serving

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

    struct NoImage: Error, CustomStringConvertible {
        let description: String
    }

    /// Opens configuration and layers; the registry is asked what the image is unless that is known and need not be newer.
    func open() async throws -> Prepared {
        let resolving = trace?.begin(.resolve, "manifest")
        let images = LocalImages(root: root)
        var known = pull == nil ? nil : images.image(reference, platform)
        // Of several that want the same new image at once, one asks; registries count how often they are asked.
        var turn: OpeningTurn?
        if known == nil, pull == .missing {
            var hasWaited = false
            (turn, hasWaited) = await OpeningTurn.take(Digest.sha256(Array("\(reference) \(platform)".utf8)), in: node.store)
            if hasWaited { known = images.image(reference, platform) }
        }
        defer { withExtendedLifetime(turn) {} }
        if let known, pull != .always {
            turn = nil
            resolving?.end("known from an earlier start")
            return try await prepare(known.manifest(), known.descriptor.digest, config: known.config).image
        }
        guard pull != .never else {
            throw NoImage(description: "\(reference) is not here, and --pull never asks no registry; `starling pull` gets it")
        }
        let image = try await PlatformImage(source: source, platform: platform)
        resolving?.end("\(image.manifest.layers.count) layers")
        let isSame = known?.descriptor.digest == image.descriptor.digest
        let (prepared, config) = try await prepare(image.manifest, image.descriptor.digest, config: isSame ? known?.config : nil)
        if pull != nil, let image = LocalImages.Image(reference: reference, platform: platform, image: image, config: config) {
            try images.add(image)
        }
        return prepared
    }

    private func prepare(
        _ manifest: Manifest, _ digest: Digest, config known: [UInt8]?
    ) async throws -> (image: Prepared, config: [UInt8]) {
        // Asked for beside the layers, and by nobody waited for; of what is known, once the layers have said whether anything is missing.
        let profile = known == nil ? profiles.map { profiles in Task { try await profiles.pull(of: digest) } } : nil
        let unpacker = try LayerUnpacker(root: root)
        let diffIDs = try known.flatMap { try parsed($0).rootfs?.diffIDs }
        let (layers, configBytes) = try await withThrowingTaskGroup(of: (Int, Layer).self) { group in
            for (index, layer) in manifest.layers.enumerated() {
                let unpacked = diffIDs?.dropFirst(index).first.flatMap(unpacker.existing)
                let name = "layer \(index + 1) of \(manifest.layers.count)"
                group.addTask { (index, try await open(layer, name: name, unpacked: unpacked)) }
            }
            // After the layers: one of them, and not it, is to have the connection that is there.
            async let configBytes = known == nil ? source.smallBlob(manifest.config) : []
            let opened = try await group.reduce(into: [Int: Layer]()) { $0[$1.0] = $1.1 }
            let fetched = try await configBytes
            return (opened, known ?? fetched)
        }
        let config = try parsed(configBytes)
        var lowers = LowerDirectories()
        for (index, descriptor) in manifest.layers.enumerated() {
            switch layers[index] {
            case .lazy(let opened): lowers.add(opened)
            case .unpacked(let directory): lowers.add(unpacked: directory)
            case .plain, nil: lowers.add(unpacked: try await unpack(descriptor, index, config, unpacker))
            }
        }
        let all = lowers
        let start = command.flatMap { ProgramStart(config.config, $0) }
        let directories = try await BlockingTask.run { try all.directories(on: node, start) }
        let prepared = Prepared(
            config: config, digest: digest, lowerDirectories: directories, lazy: all.lazy, descriptors: manifest.layers,
            profile: (profile ?? lateProfile(of: digest, all.lazy)).map { expect($0, manifest, all.lazy) }, serving: node.serving)
        return (prepared, configBytes)
    }

    private func lateProfile(of digest: Digest, _ lazy: [LazyNode.Opened]) -> Task<StartProfile?, any Error>? {
        guard pull != .never, lazy.contains(where: { !$0.layer.isComplete }), !node.isServedByAnother else { return nil }
        return profiles.map { profiles in Task { try await profiles.pull(of: digest) } }
    }

    /// Prefetches what a profile says once it is here.
    private func expect(
        _ profile: Task<StartProfile?, any Error>, _ manifest: Manifest, _ lazy: [LazyNode.Opened]
    ) -> Task<Void, Never> {
        Task { [node, reference, log] in
            do {
                guard let profile = try await profile.value, profile.layers == manifest.layers.map(\.digest), !Task.isCancelled else {
                    return
                }
                log.debug("prefetching by the image's profile", metadata: ["files": "\(profile.expected.count)"])
                node.expect(profile.expected, profile.layers, of: lazy)
            } catch {
                log.debug("no profile", metadata: ["image": "\(reference)", "reason": "\(error)"])
            }
        }
    }

    private func parsed(_ bytes: [UInt8]) throws -> ImageConfig {
        try Documents.decode(ImageConfig.self, from: bytes, what: "configuration of \(reference)")
    }

    private enum Layer: Sendable {
        case lazy(LazyNode.Opened)
        case unpacked(String)
        case plain
    }

    /// - Parameter unpacked: the layer's directory, when it was unpacked before.
    private func open(_ descriptor: Descriptor, name: String, unpacked: String?) async throws -> Layer {
        guard MediaType.layerCompression(descriptor.mediaType) != nil else {
            throw NoImage(description: "\(reference), \(name): media type \(descriptor.mediaType) is no file system layer")
        }
        if let unpacked, lazy != .require { return .unpacked(unpacked) }
        guard lazy != .never else { return .plain }
        do {
            if isLocal { return .lazy(try await node.open(descriptor, in: source, as: reference)) }
            return .lazy(try await node.open(descriptor, of: reference))
        } catch {
            switch error {
            case .notVerifiable where lazy == .prefer, .notLazyFormat where lazy == .prefer:
                say("\(name) is not lazy, pulling all \(descriptor.size) bytes: \(error)")
                return .plain
            default: throw NoImage(description: "\(reference), \(name) (\(descriptor.digest)): \(error)")
            }
        }
    }

    private func unpack(_ descriptor: Descriptor, _ index: Int, _ config: ImageConfig, _ unpacker: LayerUnpacker) async throws -> String {
        guard let diffID = config.rootfs?.diffIDs.dropFirst(index).first else {
            throw NoImage(description: "the configuration of \(reference) has no diffID for layer \(index + 1)")
        }
        if let directory = unpacker.existing(diffID) { return directory }
        let pulling = trace?.begin(.layers, "pull and unpack", layer: descriptor.digest.description)
        defer { pulling?.end("\(descriptor.size) bytes") }
        let stream = try await source.blob(descriptor)
        return try await BlockingTask.run(cancel: { stream.cancel() }) {
            try unpacker.unpack(layer: descriptor.digest, diffID: diffID, from: stream)
        }
    }
}

extension ProgramStart {
    /// What an image starts with what the command line says of it; nil when that is nothing.
    init?(_ image: ImageConfig.Execution?, _ command: RunImage.Command) {
        self.init(image?.replacing(entrypoint: command.entrypoint), command: command.arguments)
    }
}
