import AdditionalStore
import ArgumentParser
import ContainerRun
import FetchEngine
import Glibc
import HostSystem
import LazyFS
import OCI
import Registry
import Threads

/// `starling mount [IMAGE DIR]`.
struct Mount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount the root file system of an image, read-only, before the image is here; without arguments, list what is mounted.",
        discussion: """
            It returns when the image is mounted; a process in the background serves it until `starling umount` or umount(8) ends both.
            An ordinary user's mount is FUSE's, by fusermount3: only that user sees it, and every layer must be lazy.

            Examples:
              starling mount 127.0.0.1:5000/python:3-esgz /mnt
              starling umount /mnt
              starling mount --foreground 127.0.0.1:5000/python:3-esgz /mnt
            """)

    @OptionGroup var opening: OpeningArguments

    @Flag(help: "Serve from this process, and unmount when it is interrupted.")
    var foreground = false

    @Flag(inversion: .prefixedNo, help: "Fetch the rest of the image when nothing else is to do.")
    var backgroundFetch = false

    @Flag(help: "List as a JSON document.")
    var json = false

    /// Set for the process in the background: its standard output is where it says that it is ready.
    @Flag(help: .hidden)
    var announce = false

    @Argument(help: "The image.")
    var image: String?

    @Argument(help: "The directory where it is mounted.")
    var directory: String?

    func validate() throws {
        guard (image == nil) == (directory == nil) else { throw ValidationError("an image needs a directory to be mounted at") }
        guard image == nil || !json else { throw ValidationError("--json is for the list, which takes no image") }
        guard !isOrdinaryUser || opening.serving.mode != .native else {
            throw ValidationError("--mode native: the kernel mounts no trees for ordinary users")
        }
    }

    func run() async throws {
        guard let image, let directory else { return try list() }
        guard announce || foreground else { return try Background.start(["mount", "--announce"] + CommandLine.arguments.dropFirst(2)) }
        let reference = try Reference(parsing: image)
        let signals = try SignalForwarder([SIGINT, SIGTERM, SIGHUP])
        let root = opening.storage.rootDirectory
        let mount = try ImageMount(image, at: directory, root: root)
        do {
            try await serve(reference, mount, signals)
        } catch {
            // The first failure is the one to tell; what stays is reaped by the next command.
            try? mount.end()
            throw error
        }
        try await BlockingTask.run { try mount.end() }
    }

    private func serve(_ reference: Reference, _ mount: ImageMount, _ signals: SignalForwarder) async throws {
        // An ordinary user can mount nothing but FUSE, by fusermount3.
        let place = isOrdinaryUser ? MountPlace(path: mount.target, source: mount.source) : nil
        let purpose = OpeningArguments.Purpose(directory: mount.home, completes: backgroundFetch, alone: place)
        do {
            try await opening.withImage(reference, for: purpose, signals: signals) { prepared in
                try await BlockingTask.run { [announce, isOrdinaryUser] in
                    if !isOrdinaryUser { try mount.mount(prepared.lowerDirectories) }
                    if announce { try Background.ready() }
                    try mount.waitForUnmount { signals.endRequested != nil }
                    // What reads of it still wait for must not keep the layers mounted.
                    if signals.endRequested != nil { try mount.unmount() }
                }
            }
        } catch let error as RunImage.NoImage where isOrdinaryUser {
            throw RunImage.NoImage(description: "an ordinary user can mount nothing but lazy layers: \(error)")
        }
    }

    private var isOrdinaryUser: Bool { geteuid() != 0 }

    private func list() throws {
        let records = try ImageMount.records(root: opening.storage.rootDirectory)
        if json { return try Terminal.result(String(decoding: Documents.encode(records), as: UTF8.self)) }
        for record in records { try Terminal.result("\(record.image) on \(record.directory)") }
    }
}

/// `starling umount DIR…`.
struct Unmount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umount", abstract: "Unmount images that `starling mount` has mounted, or end a store.",
        discussion: """
            Examples:
              starling umount /mnt
            """)

    @OptionGroup var storage: StoreArguments

    @Flag(name: .shortAndLong, help: "Also what is in use: it is gone from the directory at once.")
    var lazy = false

    @Argument(help: "Directories where images are mounted.")
    var directories: [String]

    /// Whether it is about a store, and so about the namespaces that it is in.
    var endsStore: Bool { directories.contains { StoreHome.isNoted(at: $0, root: storage.rootDirectory) } }

    func run() async throws {
        for directory in directories {
            try await BlockingTask.run { [storage, lazy] in
                if try StoreHome.stop(directory, root: storage.rootDirectory, keeper: Store.keeper(storage.rootDirectory)) { return }
                try ImageMount.unmount(directory, root: storage.rootDirectory, detaches: lazy)
            }
        }
    }
}
