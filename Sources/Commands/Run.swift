import ArgumentParser
import ContainerRun
import Glibc
import HostSystem
import OCI

/// `starling run IMAGE [COMMAND…]`.
struct Run: AsyncParsableCommand, UsesPrivateMounts {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a container from an image before the image is here. No daemon.",
        discussion: """
            The options are docker's. The exit status is the container's; 125 when it could not be started, 126 or 127 when its command cannot
            be run or found. Without --rm it stays when it has ended, for `starling logs`, `start` and `rm`.

            Examples:
              starling run --rm 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'
              starling run --rm -it 127.0.0.1:5000/debian:12-esgz bash
              starling run -d --name web 127.0.0.1:5000/nginx:1-esgz
              starling run --rm --trace start.html --why 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'
              starling run --rm --network none --read-only --tmpfs /tmp -m 256m --cpus 0.5 -v .:/src:ro 127.0.0.1:5000/debian:12-esgz ls /src
            """,
        // -h is the host name.
        helpNames: [.long])

    @OptionGroup var opening: OpeningArguments
    @OptionGroup(title: "The container") var naming: NamingArguments
    @OptionGroup var container: ContainerArguments

    @OptionGroup(title: "Recording the start") var tracing: TraceArguments

    @Flag(name: .shortAndLong, help: "Return when the program runs, and print the container's id; the container goes on.")
    var detach = false

    @Flag(inversion: .prefixedNo, help: "While the container runs, fetch the rest of the image when nothing else is to do.")
    var backgroundFetch = true

    @Flag(inversion: .prefixedNo, help: "Prefetch what the image's profile says, where it has one.")
    var profile = true

    /// Set for the process in the background: the container's id.
    @Option(help: .hidden)
    var serve: String?

    @Argument(help: "The image.")
    var image: String

    @Argument(parsing: .captureForPassthrough, help: "Command and arguments, in place of the image's.")
    var command: [String] = []

    func validate() throws {
        guard detach, tracing.isWanted else { return }
        throw ValidationError("--trace and --why are for the foreground; of a container in the background ask `starling trace CONTAINER`")
    }

    func run() async throws {
        let reference = try Reference(parsing: image)
        let settings = try container.settings(command.first == "--" ? Array(command.dropFirst()) : command)
        try naming.checkIDFile()
        if UserNamespace.isNested, settings.limits != ResourceLimits() {
            throw ValidationError("an ordinary user's containers have no control groups, so no --memory, --cpus and --pids-limit")
        }
        guard serve != nil || !detach else { return try continueInBackground() }
        // First of all: a signal during preparation must end the run in order, and later ones belong to the container.
        // Ctrl-Z is the container's as well, as with docker: stopped, this process would keep those waiting whom it serves.
        let signals = try SignalForwarder(SignalForwarder.usual + [SIGTSTP])
        let runner = try ContainerRunner(ContainerRunner.Options(root: opening.storage.rootDirectory, runtime: self.container.runtime))
        let container = try runner.make(identity(reference))
        if serve == nil { try naming.writeID(container.id) }
        let status = try await ContainerService(run: self, container: container, signals: signals, isBackground: serve != nil)
            .run(reference, settings)
        throw ExitCode(status)
    }

    private func identity(_ reference: Reference) -> Container.Identity {
        var identity = Container.Identity(image: reference.description)
        if let serve { identity.id = serve }
        identity.name = naming.name
        identity.labels = naming.labels
        identity.removesAtEnd = naming.remove
        // What says how the image is opened is found there again; the process in the background has two words of its own.
        identity.arguments = Array(CommandLine.arguments.dropFirst(serve == nil ? 2 : 4))
        return identity
    }

    private func continueInBackground() throws {
        let id = ContainerID.make()
        try Background.start(["run", "--serve", id] + CommandLine.arguments.dropFirst(2))
        try naming.writeID(id)
        try Terminal.result(id)
    }
}
