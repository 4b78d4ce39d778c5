import ArgumentParser
import ContainerRun
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import OCI
import Profiles
import Registry
import StartTrace
import Threads

/// `starling run [--rm] IMAGE [COMMAND…]`.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a container from an image before the image is here. No daemon.",
        discussion: """
            The exit status is the container's; 125 when it could not be started, 126 or 127 when its command cannot be run or found.

            Examples:
              starling run --rm 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'
              starling run --rm -t 127.0.0.1:5000/debian:12-esgz bash
              starling run --rm --trace start.html --why 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'
            """)

    @OptionGroup var registry: RegistryArguments
    @OptionGroup var storage: StoreArguments
    @OptionGroup var logging: LogArguments
    @OptionGroup var tracing: TraceArguments

    @Flag(help: "Remove the container when it ends. (Containers are always removed so far; the flag is for docker's users.)")
    var rm = false

    @Flag(name: [.customShort("i"), .customLong("interactive")], help: "Accepted: standard input is always passed on.")
    var interactive = false

    @Flag(name: [.customShort("t"), .customLong("tty")], help: "Give the container a terminal.")
    var terminal = false

    @Option(name: [.customShort("e"), .customLong("env")], help: ArgumentHelp("Set a variable (repeatable).", valueName: "name=value"))
    var environment: [String] = []

    @Option(name: [.customShort("u"), .customLong("user")], help: ArgumentHelp("User in place of the image's.", valueName: "user[:group]"))
    var user: String?

    @Option(name: [.customShort("w"), .customLong("workdir")], help: ArgumentHelp("Working directory in the container.", valueName: "dir"))
    var workingDirectory: String?

    @Option(help: "Host name of the container.")
    var hostname: String?

    @Option(help: ArgumentHelp("OCI runtime. (default: runc, else crun)", valueName: "program"))
    var runtime: String?

    @Option(
        help: ArgumentHelp(
            "How the container sees lazy layers: native (the kernel mounts the tree), fuse, or auto, native where the kernel can.",
            valueName: "auto|native|fuse"),
        transform: Run.mode)
    var mode = ServingMode.auto

    @Option(help: ArgumentHelp("Platform of the image.", valueName: "os/arch"))
    var platform: String?

    @Flag(inversion: .prefixedNo, help: "While the container runs, fetch the rest of the image when nothing else is to do.")
    var backgroundFetch = true

    @Flag(inversion: .prefixedNo, help: "Prefetch what the image's profile says, where it has one.")
    var profile = true

    @Argument(help: "The image.")
    var image: String

    @Argument(parsing: .captureForPassthrough, help: "Command and arguments, in place of the image's.")
    var command: [String] = []

    func validate() throws {
        guard let platform, Platform(parsing: platform) == nil else { return }
        throw ValidationError("--platform \(platform): expected os/architecture[/variant], such as linux/arm64")
    }

    func run() async throws {
        let reference = try Reference(parsing: image)
        // First of all: a signal during preparation must end the run in order, and later ones belong to the container.
        let signals = try SignalForwarder()
        let trace = try tracing.recorder()
        let client = try registry.client(trace)
        defer { client.shutdown() }
        let runner = try ContainerRunner(ContainerRunner.Options(root: storage.rootDirectory, runtime: runtime))
        // Beside the bundles and locked like them, so that the next run removes what a killed one leaves.
        let home = try LockedDirectory("lazy-" + RandomName.make(), in: storage.rootDirectory + "/run")
        var fetching = FetchOptions()
        fetching.completesLayers = backgroundFetch
        var opening = LayerOpener.Options()
        opening.trace = trace
        let node = try LazyNode(
            root: storage.rootDirectory, directory: home.path, mode: mode, client: client, fetching: fetching,
            opening: opening, log: logging.logger("starling"))
        let status: Int32
        do {
            status = try await run(reference, client, node, runner, signals, trace)
        } catch {
            try await end(node, home)
            throw error
        }
        try await end(node, home)
        throw ExitCode(status)
    }

    private func run(
        _ reference: Reference, _ client: RegistryClient, _ node: LazyNode, _ runner: ContainerRunner, _ signals: SignalForwarder,
        _ trace: TraceRecorder?
    ) async throws -> Int32 {
        let wanted = platform.flatMap { Platform(parsing: $0) } ?? .current
        let settings = settings
        let say: @Sendable (String) -> Void = { Terminal.say($0) }
        let root = storage.rootDirectory
        let profiles = profile ? ImageProfiles(client: client, reference: reference) : nil
        let log = logging.logger("starling")
        let preparation = Task {
            try await RunImage(
                source: RegistrySource(client: client, reference: reference), reference: reference, platform: wanted, node: node,
                root: root, profiles: profiles, command: settings.command, say: say, log: log, trace: trace
            ).open()
        }
        // Until the container starts, a signal gives the preparation up.
        signals.deliver { _ in preparation.cancel() }
        let prepared: RunImage.Prepared
        do {
            prepared = try await preparation.value
        } catch {
            if let signal = signals.endRequested { return 128 + signal }
            throw error
        }
        defer { prepared.profile?.cancel() }
        let status = try await BlockingTask.run {
            try runner.run(
                prepared.config, name: reference.description, lowerDirectories: prepared.lowerDirectories, settings: settings,
                signals: signals, trace: trace)
        }
        if let trace { try await tracing.write(trace, of: prepared, image: image, settings.command, node.serving) }
        if logging.verbose { prepared.report(client, say) }
        return status
    }

    private var settings: ContainerSettings {
        ContainerSettings(
            command: command.first == "--" ? Array(command.dropFirst()) : command, environment: environment.map(Run.variable), user: user,
            workingDirectory: workingDirectory, hostname: hostname, terminal: terminal)
    }

    static func mode(_ text: String) throws -> ServingMode {
        guard let mode = ServingMode(rawValue: text) else { throw ValidationError("--mode \(text): expected auto, native or fuse") }
        return mode
    }

    // docker's convention: a bare name takes the value that the variable has here.
    static func variable(_ text: String) -> String {
        text.contains("=") ? text : "\(text)=\(Paths.environment(text) ?? "")"
    }

    private func end(_ node: LazyNode, _ home: LockedDirectory) async throws {
        try await BlockingTask.run {
            node.shutdown()
            try Files.remove(home.path)
        }
    }
}
