import AdditionalStore
import ArgumentParser
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import Logging
import Registry
import Threads

/// `starling store MOUNTPOINT`.
struct Store: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Give podman and CRI-O layers before they are pulled: an additional layer store.",
        discussion: """
            storage.conf names it, under [storage.options]: additionallayerstores = ["MOUNTPOINT:ref"]

            It returns when the store is mounted; a process in the background serves it until `starling umount MOUNTPOINT` (or an interrupt) ends
            both. An ordinary user's store is mounted where their containers are, in podman's namespaces. After SIGTERM, or a crash, containers wait for the next `starling store` of the same root and go on.

            Examples:
              starling store /var/lib/starling-store
              starling umount /var/lib/starling-store
              starling store ~/.local/share/starling-store
            """)

    @OptionGroup var registry: RegistryArguments
    @OptionGroup var storage: StoreArguments
    @OptionGroup var logging: LogArguments
    @OptionGroup var serving: ServingArguments

    @Flag(help: "Serve from this process, and tell systemd when it does.")
    var foreground = false

    @Flag(inversion: .prefixedNo, help: "Fetch the rest of layers when nothing else is to do.")
    var backgroundFetch = true

    @Option(
        help: ArgumentHelp(
            "How long podman waits for a layer to be opened, until it is not there and podman pulls it.", valueName: "seconds"))
    var timeout = 30

    /// Set for the process in the background: its standard output is where it says that it is ready.
    @Flag(help: .hidden)
    var announce = false

    @Argument(help: "The directory where the store is mounted; made when missing.")
    var mountpoint: String

    /// First argument of the process that keeps the mount for the next store; not for people.
    static let keeperCommand = "keeper"

    // The program as it is now, whatever an upgrade has put in its place since.
    static func keeper(_ root: String) -> KeeperProgram { KeeperProgram(path: "/proc/self/exe", arguments: [keeperCommand, root]) }

    func validate() throws {
        guard timeout > 0 else { throw ValidationError("--timeout \(timeout): expected a number of seconds above 0") }
    }

    func run() async throws {
        guard announce || foreground else {
            return try Background.start(["store", "--announce"] + CommandLine.arguments.dropFirst(2))
        }
        let signals = try SignalForwarder([SIGINT, SIGTERM, SIGHUP])
        let (root, log) = (storage.rootDirectory, logging.logger("starling"))
        let keeper = Store.keeper(root)
        let home = try StoreHome(root: root, mountpoint: mountpoint, keeper: keeper, log: log)
        let client = try registry.client()
        defer { client.shutdown() }
        let store = try AdditionalStore(
            directory: home.path, mountpoint: home.mountpoint, patience: .seconds(timeout), client: client, log: log)
        var fetching = FetchOptions()
        fetching.completesLayers = backgroundFetch
        let node = try LazyNode(
            root: root, directory: home.path, place: MountPlace(path: home.mountpoint), mode: serving.mode, client: client,
            fetching: fetching,
            keeping: MountKeeping(directory: home.path, program: keeper, log: log), front: store, log: log)
        await store.serve(on: node)
        log.info("serving", metadata: ["mountpoint": "\(home.mountpoint)", "mode": "\(node.serving)"])
        if announce { try await BlockingTask.run { try Background.ready() } }
        if foreground { ServiceNotifier.notify("READY=1") }
        await waitForEnd(signals, node)
        if foreground { ServiceNotifier.notify("STOPPING=1") }
        try await BlockingTask.run { signals.endRequested == SIGTERM ? node.leave() : node.shutdown() }
        if signals.endRequested != SIGTERM { home.end() }
    }

    /// Returns when a signal has come, or when somebody else has ended the mount.
    private func waitForEnd(_ signals: SignalForwarder, _ node: LazyNode) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        signals.deliver { _ in continuation.finish() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in stream {} }
            group.addTask { while node.isServing, (try? await Task.sleep(for: .seconds(1))) != nil {} }
            await group.next()
            group.cancelAll()
        }
    }
}
