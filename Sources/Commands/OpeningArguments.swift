import ArgumentParser
import ContainerRun
import FetchEngine
import HostSystem
import LazyFS
import OCI
import Profiles
import Registry
import StartTrace
import Threads

/// Options of every command that opens an image to be used as it is: run, mount, pull.
struct OpeningArguments: ParsableArguments {
    @OptionGroup var registry: RegistryArguments
    @OptionGroup var storage: StoreArguments
    @OptionGroup var logging: LogArguments
    @OptionGroup var serving: ServingArguments

    @Option(help: ArgumentHelp("Platform of the image.", valueName: "os/arch"), transform: OpeningArguments.platform)
    var platform = Platform.current

    @Option(
        help: ArgumentHelp(
            "When the registry is asked what the image is: always; missing, when it was not before; never.",
            valueName: "always|missing|never"))
    var pull = PullPolicy.missing

    @Option(
        help: ArgumentHelp(
            "prefer: layers that cannot be lazy are downloaded and unpacked; require: they are an error; never: all are downloaded.",
            valueName: "prefer|require|never"))
    var lazy = LazyPolicy.prefer

    static func platform(_ text: String) throws -> Platform {
        guard let platform = Platform(parsing: text) else {
            throw ValidationError("--platform \(text): expected os/architecture[/variant], such as linux/arm64")
        }
        return platform
    }

    /// How an image is opened beyond what the options say.
    struct Purpose: Sendable {
        /// Directory for the layers' own mounts.
        var directory: String
        /// Whether the rest is fetched when nothing else is to do.
        var completes: Bool
        /// Whether the image's profile is asked for, to prefetch by it.
        var usesProfile = false
        /// Who takes down what takes how long; nil for nobody.
        var trace: TraceRecorder?
        /// Where FUSE is to show the image's tree and nothing else, for who can mount nothing over it; then every layer must be lazy.
        var alone: MountPlace?
        /// What is about to be started; nil when no program is.
        var start: RunImage.Command?
        /// Whether its mounts may be another container's; reads are then not seen by this process.
        var sharesMounts = false
    }

    /// Opens an image for as long as `body` runs. Until it is open, a signal gives it up.
    ///
    /// - Throws: `ExitCode` of a signal; what opening and `body` throw.
    func withImage<Result: Sendable>(
        _ reference: Reference, for purpose: Purpose, signals: SignalForwarder,
        _ body: (RunImage.Prepared) async throws -> Result
    ) async throws -> Result {
        let client = try registry.client(purpose.trace)
        defer { client.shutdown() }
        var fetching = FetchOptions()
        fetching.completesLayers = purpose.completes
        var opening = LayerOpener.Options()
        opening.trace = purpose.trace
        let node = try LazyNode(
            root: storage.rootDirectory, directory: purpose.directory, place: purpose.alone,
            mode: purpose.alone == nil ? serving.mode : .fuse,
            client: client, fetching: fetching, opening: opening,
            sharing: purpose.sharesMounts ? MountSharing(directory: storage.rootDirectory + "/shared") : nil,
            log: logging.logger("starling"))
        let result: Result
        do {
            let prepared = try await open(reference, purpose, node, client, signals)
            defer { prepared.profile?.cancel() }
            if purpose.alone != nil { try await BlockingTask.run { try node.showAlone(prepared.lazy) } }
            result = try await body(prepared)
            if logging.verbose { prepared.report(client) { Terminal.say($0) } }
        } catch {
            try await BlockingTask.run { node.shutdown() }
            throw error
        }
        try await BlockingTask.run { node.shutdown() }
        return result
    }

    private func open(
        _ reference: Reference, _ purpose: Purpose, _ node: LazyNode, _ client: RegistryClient, _ signals: SignalForwarder
    ) async throws -> RunImage.Prepared {
        let image = RunImage(
            source: RegistrySource(client: client, reference: reference), reference: reference, platform: platform, pull: pull,
            lazy: purpose.alone == nil ? lazy : .require,
            node: node, root: storage.rootDirectory,
            profiles: purpose.usesProfile ? ImageProfiles(client: client, reference: reference) : nil, command: purpose.start,
            say: { Terminal.say($0) }, log: logging.logger("starling"), trace: purpose.trace)
        let preparation = Task { try await image.open() }
        signals.deliver { _ in preparation.cancel() }
        do {
            return try await preparation.value
        } catch {
            if let signal = signals.endRequested { throw ExitCode(128 + signal) }
            throw error
        }
    }
}

/// When a registry is asked what an image's name means.
enum PullPolicy: String, ExpressibleByArgument, CaseIterable, Sendable {
    case always, missing, never
}

/// Whether layers may be, or must be, lazy.
enum LazyPolicy: String, ExpressibleByArgument, CaseIterable, Sendable {
    case prefer, require, never
}
