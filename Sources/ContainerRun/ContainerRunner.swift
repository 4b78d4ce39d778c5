public import HostSystem
public import OCI

// ContainerRun: a container from an image's configuration and directories that hold its layers.
//
//   image config ──▶ ContainerSpec (config.json)  ─┐
//   layer directories ──▶ overlay at rootfs ────────┼─▶ runc or crun ──▶ exit status
//   host's resolv.conf, hosts, hostname (copies)  ─┘
//
// How the layers got there is not asked: lazily mounted ones and ones that LayerUnpacker wrote look the same. A container is a directory
// (ContainerDirectory), which one process serves: in the foreground the command itself, in the background one that outlives it. That process owns
// the mounts, in its private mount namespace (MountNamespace.enterPrivate, first thing in main), so that no end, not even SIGKILL, leaves a mount
// on the host; what it leaves else, the next command's reaper ends and records. Other commands (Containers) read the directory, and talk to the
// runtime. The room never talks to a registry.

/// Makes containers and runs them.
public struct ContainerRunner: Sendable {
    /// How containers are run here.
    public struct Options: Sendable {
        /// Directory of store and state; containers are in its `containers`.
        public var root: String
        /// Path or name of the OCI runtime; the usual one when nil (`ContainerRuntime`).
        public var runtime: String?

        /// Options with the default runtime.
        public init(root: String, runtime: String? = nil) {
            self.root = root
            self.runtime = runtime
        }
    }

    private let options: Options
    private let runtime: ContainerRuntime

    /// Finds the runtime and ends what killed processes have left under the root.
    ///
    /// - Throws: `HostError` when there is no runtime or the root cannot be written.
    public init(_ options: Options) throws {
        self.options = options
        runtime = try ContainerRuntime(options.runtime)
        try ContainerReaper(root: options.root).reap()
    }

    /// Makes a container, whose image may be opened then.
    ///
    /// - Throws: `ContainerError.nameTaken`, or `HostError`.
    public func make(_ identity: Container.Identity) throws -> Container {
        try Container(identity, root: options.root, runtime: runtime)
    }

    /// Runs a container from its start to its end in the foreground, and forgets it.
    ///
    /// - Parameters:
    ///   - image: its configuration.
    ///   - name: the image as the user named it, for messages.
    ///   - lowerDirectories: the layers, topmost first.
    ///   - settings: what the command line says.
    ///   - signals: made at the program's beginning; each signal is passed on to the container.
    ///   - onStart: called once, right before the runtime starts.
    /// - Returns: the container's exit code; 128 + n when a signal ended it; 125 when the runtime failed, and then it has said why.
    /// - Throws: `ContainerError`, which knows its exit status, or `HostError`.
    public func run(
        _ image: ImageConfig, name: String, lowerDirectories: [String], settings: ContainerSettings, signals: SignalForwarder? = nil,
        onStart: () -> Void = {}
    ) throws -> Int32 {
        let container = try make(Container.Identity(image: name))
        do {
            let status = try container.run(
                Container.RootFileSystem(config: image, digest: "", lowerDirectories: lowerDirectories), settings, signals: signals,
                onStart: onStart)
            try container.end()
            return status
        } catch {
            // The first failure is the one to tell; what cannot be removed now, the next reaper removes.
            try? container.end()
            throw error
        }
    }
}
