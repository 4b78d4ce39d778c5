import ContainerRun
import Conversion
import Daemons
import Digests
import FetchEngine
import HostSystem
import LazyFS
import Logging
import OCI
import Profiles
import Registry
import Threads

/// Runs an image on layers that say what is read of them.
///
///     image in a registry, all layers lazy ──────────────────────────▶ LazyNode with a ReadRecorder ─▶ workload ─▶ AccessRecord
///     any other image ─ convert, fast ─▶ layout in a directory of ours ─┘
///
/// The file system is what sees the reads, so nothing need be here when the workload begins, and nothing is asked of the workload.
struct WorkloadRecording: Sendable {
    let image: ImageName
    let arguments: RecordingArguments
    /// In place of the image's; empty for the image's.
    let command: [String]
    let client: RegistryClient
    /// Directory for what is needed meanwhile.
    let home: String
    let display: ConversionDisplay
    /// Whether an image whose layers are not lazy is refused; else it is converted for the time being.
    var mustBeLazy = false

    /// What was read, and of what the optimized image is to be made.
    struct Recorded {
        /// Names the image's own manifest.
        var record: AccessRecord
        /// Names the manifest of `source`.
        var ofSource: AccessRecord
        /// The image, or its copy that is here already.
        var source: ImageName
        /// Digests of the layers of `source`, lowest first.
        var layers: [Digest] = []
        /// The image's own manifest; nil when nothing was run.
        var manifest: Descriptor?
    }

    /// What is run: where its layers come from, and which they are.
    private struct Source {
        var name: ImageName
        var isLocal: Bool
        /// The manifest of the image that was named.
        var named: Descriptor
        /// Digest of this one's.
        var own: Digest
        var layers: [Digest]
    }

    private var platform: Platform { arguments.platforms.first }
    private var containerd: ContainerdOptions { arguments.containerd.options() }
    private var root: String { arguments.storage.rootDirectory }
    private var log: Logger { arguments.logging.logger("starling") }

    /// Runs the workload.
    func recorded() async throws -> Recorded {
        let source = try await source()
        display.end()
        let recorder = ReadRecorder()
        let outcome = try await run(try arguments.workload.workload(command), source, recorder)
        if outcome.exitStatus != 0, !outcome.wasEnded {
            Terminal.say("the workload ended with exit status \(outcome.exitStatus); what it read until then comes first")
        }
        let accesses = recorder.accesses(layers: source.layers, manifest: source.named.digest)
        guard !accesses.isEmpty else { throw NothingRead(image: "\(image)") }
        let record = AccessRecord(accesses)
        Terminal.say("recorded \(record.fileCount) files")
        return Recorded(
            record: record,
            ofSource: AccessRecord(recorder.accesses(layers: source.layers, manifest: source.own)),
            source: source.name, layers: source.layers, manifest: source.named)
    }

    /// Runs nothing, and takes what the start will read from the image's files.
    func analysed() async throws -> Recorded {
        let program = RunImage.Command(try arguments.workload.workload(command).settings)
        let source = try await source()
        display.end()
        let accesses = try await Interruption.cancels { [self] in
            try await source.name.withSource(client, containerd) { images in
                let image = try await PlatformImage(source: images, platform: platform)
                let bytes = try await images.smallBlob(image.manifest.config)
                let config = try Documents.decode(ImageConfig.self, from: bytes, what: "configuration of \(self.image)")
                guard let start = ProgramStart(config.config, program) else {
                    throw ContainerError.noCommand(image: "\(self.image)")
                }
                let analysis = try StartAnalysis(images, directory: home + "/store", log: log)
                return try await analysis.accesses(of: start, layers: image.manifest.layers, manifest: source.named.digest)
            }
        }
        guard !accesses.isEmpty else { throw NothingRead(image: "\(image)") }
        Terminal.say("found \(accesses.count) files")
        return Recorded(
            record: AccessRecord(accesses), ofSource: AccessRecord(accesses.map { $0.of(source.own) }), source: source.name,
            layers: source.layers, manifest: source.named)
    }

    private struct NothingRead: Error, CustomStringConvertible {
        let image: String
        var description: String { "the workload read nothing of \(image); give it another command after --, or more time with --period" }
    }

    private func source() async throws -> Source {
        let named = try await Interruption.cancels {
            try await image.withSource(client, containerd) { try await PlatformImage(source: $0, platform: platform) }
        }
        if case .registry = image, named.manifest.layers.allSatisfy(\.promisesLazyFormat) {
            return Source(
                name: image, isLocal: false, named: named.descriptor, own: named.descriptor.digest,
                layers: named.manifest.layers.map(\.digest))
        }
        guard !mustBeLazy else { throw ProfileError.notLazy(image: "\(image)") }
        let copy = ImageName.layout(directory: home + "/image", tag: nil)
        // It is read once more from there: fast, not small.
        let converter = ImageConverter(options: ConversionOptions(platforms: arguments.platforms.choice, level: 1)) { [display] in
            display.show($0)
        }
        let endpoints = ImageEndpoints(from: image, to: copy, client: client, containerd: containerd)
        let local = try await Interruption.cancels {
            _ = try await endpoints.open { try await converter.convert(from: $0, to: $1) }
            return try await copy.withSource(client, containerd) { try await PlatformImage(source: $0, platform: platform) }
        }
        return Source(
            name: copy, isLocal: true, named: named.descriptor, own: local.descriptor.digest,
            layers: local.manifest.layers.map(\.digest))
    }

    private func run(
        _ workload: Workload, _ source: Source, _ recorder: ReadRecorder
    ) async throws -> Workload.Outcome {
        // First of all: a signal during preparation must end the run in order, and later ones belong to the container.
        let signals = try SignalForwarder()
        let runner = try ContainerRunner(ContainerRunner.Options(root: root, runtime: arguments.workload.container.runtime))
        var fetching = FetchOptions()
        fetching.completesLayers = false
        let node = try LazyNode(
            root: source.isLocal ? home + "/store" : root, directory: home, mode: arguments.workload.serving.mode, client: client,
            fetching: fetching, recorder: recorder, log: log)
        do {
            let prepared = try await open(workload, source, node, signals)
            let outcome = try await workload.run(prepared, name: "\(image)", runner: runner, signals: signals)
            try await BlockingTask.run { node.shutdown() }
            return outcome
        } catch {
            try await BlockingTask.run { node.shutdown() }
            if let signal = signals.endRequested { throw Interruption.Interrupted(signal: signal) }
            throw error
        }
    }

    private func open(
        _ workload: Workload, _ source: Source, _ node: LazyNode, _ signals: SignalForwarder
    ) async throws -> RunImage.Prepared {
        let preparation = Task {
            try await source.name.withSource(client, containerd) { images in
                try await RunImage(
                    source: images, isLocal: source.isLocal, reference: reference(source), platform: platform, node: node,
                    root: root, command: RunImage.Command(workload.settings), say: { Terminal.say($0) },
                    log: log
                ).open()
            }
        }
        signals.deliver { _ in preparation.cancel() }
        return try await preparation.value
    }

    /// What the layers are called where a name of a registry is wanted.
    private func reference(_ source: Source) throws -> Reference {
        if case .registry(let reference) = image { return reference }
        return try Reference(parsing: "localhost/optimize")
    }
}

extension Descriptor {
    /// Whether a manifest says of a layer that it can be opened lazily.
    var promisesLazyFormat: Bool { annotations?[Annotation.tocDigest] != nil || annotations?[Annotation.zstdChunkedChecksum] != nil }
}

extension FileAccess {
    /// The same of another manifest.
    fileprivate func of(_ manifest: Digest) -> FileAccess {
        var access = self
        access.manifestDigest = manifest
        return access
    }
}
