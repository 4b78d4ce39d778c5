internal import HostSystem
internal import Synchronization

/// The directory of one run, which owns everything that the run puts into the file system and the mount table.
///
///     ROOT/run/<id>/lock         held while the run lives; the kernel lets go when it dies
///                   config.json  the runtime specification
///                   rootfs/      overlay of the layers
///                   upper/ work/ what the container writes
///                   etc/         resolv.conf, hosts, hostname
///                   runtime/     state of runc or crun; pid and log file beside it
final class ContainerBundle: Sendable {
    let path: String
    /// Id of the container too.
    let id: String
    private let runtime: ContainerRuntime
    private let home: LockedDirectory
    private let isRemoved = Mutex(false)

    var rootfs: String { path + "/rootfs" }
    var pidFile: String { path + "/pid" }
    var logFile: String { path + "/log" }

    static func directory(root: String) -> String { root + "/run" }

    init(root: String, runtime: ContainerRuntime) throws(HostError) {
        try Files.makeDirectories(root, mode: 0o711)
        let id = RandomName.make()
        home = try LockedDirectory(id, in: ContainerBundle.directory(root: root))
        path = home.path
        self.id = id
        self.runtime = runtime
        do {
            // The upper directory becomes the container's /, which every user of it must be able to enter.
            for name in ["rootfs", "upper", "work", "etc", "runtime"] { try Files.makeDirectories(path + "/" + name) }
        } catch {
            try? Files.remove(path)
            throw error
        }
    }

    deinit {
        // The way out after an error that nobody handled; the reaper of the next run comes after it.
        try? remove()
    }

    /// Mounts the layers, topmost first, with this run's changes above them.
    func mount(_ lowerDirectories: [String]) throws(HostError) {
        let overlay = OverlayMount(
            lowerDirectories: lowerDirectories, upperDirectory: path + "/upper", workDirectory: path + "/work",
            extraOptions: UserNamespace.isNested ? ["userxattr"] : [])
        try overlay.mount(at: rootfs)
    }

    /// Copies what the container shares of the host's network identity; copies, because the host replaces its files.
    func writeHostFiles(hostname: String) throws(HostError) {
        try AtomicFile.write(Array((hostname + "\n").utf8), to: path + "/etc/hostname")
        for name in ["resolv.conf", "hosts"] {
            let source = "/etc/" + name
            // 1 MiB: hosts files with a list of blocked names have been seen to take hundreds of KiB.
            let bytes = Files.exists(source) ? try Files.read(source, limit: 1 << 20) : []
            try AtomicFile.write(bytes, to: path + "/etc/" + name)
        }
    }

    /// Writes the runtime's configuration, with the files of `writeHostFiles` in their places.
    func write(_ spec: ContainerSpec) throws {
        let machine = ContainerSpec.Machine(
            files: ["hostname", "hosts", "resolv.conf"].map { (path + "/etc/" + $0, "/etc/" + $0) },
            hasUnifiedCgroups: Files.exists("/sys/fs/cgroup/cgroup.controllers"), maximumOpenFiles: Limits.maximumOpenFiles())
        try AtomicFile.write(try RootlessSpec.adapted(try spec.json(on: machine)), to: path + "/config.json", mode: 0o600)
    }

    /// Ends the container if it still runs, unmounts and removes everything; a second call does nothing.
    func remove() throws(HostError) {
        let first = isRemoved.withLock { removed in
            defer { removed = true }
            return !removed
        }
        if first { try ContainerBundle.remove(path, id: id, runtime: runtime) }
    }

    /// Removes a bundle, in the order in which nothing is still in use: container, mounts, files.
    static func remove(_ path: String, id: String, runtime: ContainerRuntime) throws(HostError) {
        try runtime.delete(id: id, bundle: path)
        try Mounts.unmountAll(below: path)
        try Files.remove(path)
    }
}
