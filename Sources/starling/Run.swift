import ArgumentParser
import ContainerRun
import Glibc
import HostSystem
import OCI
import Threads

/// `starling run IMAGE [COMMAND…]`.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a container from an image before the image is here. No daemon.",
        discussion: """
            The options are docker's. The exit status is the container's; 125 when it could not be started, 126 or 127 when its command cannot
            be run or found.

            Examples:
              starling run --rm 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'
              starling run --rm -it 127.0.0.1:5000/debian:12-esgz bash
              starling run --rm --network none --read-only --tmpfs /tmp -m 256m --cpus 0.5 -v .:/src:ro 127.0.0.1:5000/debian:12-esgz ls /src
            """,
        // -h is the host name.
        helpNames: [.long])

    @OptionGroup var opening: OpeningArguments
    @OptionGroup(title: "The process") var process: ProcessArguments
    @OptionGroup(title: "Files") var files: ContainerFileArguments
    @OptionGroup(title: "Network") var network: NetworkArguments
    @OptionGroup(title: "Isolation") var isolation: IsolationArguments

    @Flag(help: "Remove the container when it ends. (Containers are always removed so far; the flag is for docker's users.)")
    var rm = false

    @Option(help: ArgumentHelp("Program in place of the image's entrypoint; empty for none.", valueName: "program"))
    var entrypoint: String?

    @Flag(name: .customLong("init"), help: "Put a small init before the program, which reaps processes and passes signals on.")
    var hasInit = false

    @Option(help: ArgumentHelp("OCI runtime. (default: runc, else crun)", valueName: "program"))
    var runtime: String?

    @Flag(inversion: .prefixedNo, help: "While the container runs, fetch the rest of the image when nothing else is to do.")
    var backgroundFetch = true

    @Argument(help: "The image.")
    var image: String

    @Argument(parsing: .captureForPassthrough, help: "Command and arguments, in place of the image's.")
    var command: [String] = []

    func run() async throws {
        let reference = try Reference(parsing: image)
        let settings = try settings()
        // First of all: a signal during preparation must end the run in order, and later ones belong to the container.
        let signals = try SignalForwarder()
        let root = opening.storage.rootDirectory
        let runner = try ContainerRunner(ContainerRunner.Options(root: root, runtime: runtime))
        // Beside the bundles and locked like them, so that the next run removes what a killed one leaves.
        let home = try LockedDirectory("lazy-" + RandomName.make(), in: root + "/run")
        let purpose = OpeningArguments.Purpose(
            directory: home.path, completes: backgroundFetch,
            start: RunImage.Command(entrypoint: settings.entrypoint, arguments: settings.command))
        let status: Int32
        do {
            status = try await opening.withImage(reference, for: purpose, signals: signals) { prepared in
                try await BlockingTask.run {
                    try runner.run(
                        prepared.config, name: reference.description, lowerDirectories: prepared.lowerDirectories, settings: settings,
                        signals: signals)
                }
            }
        } catch {
            try? Files.remove(home.path)
            throw error
        }
        try Files.remove(home.path)
        throw ExitCode(status)
    }

    private func settings() throws -> ContainerSettings {
        var settings = ContainerSettings(
            command: command.first == "--" ? Array(command.dropFirst()) : command, environment: try process.environment(),
            user: process.user, workingDirectory: process.workingDirectory, hostname: network.hostname, terminal: process.terminal)
        settings.entrypoint = entrypoint.map { $0.isEmpty ? [] : [$0] }
        settings.readsInput = process.interactive
        settings.hasInit = hasInit
        settings.isReadOnly = files.readOnly
        settings.mounts = files.all
        settings.devices = isolation.devices
        settings.limits = isolation.limits
        settings.processLimits = isolation.processLimits
        settings.security = try isolation.security()
        settings.network = network.network
        settings.hosts = network.hosts
        return settings
    }
}
