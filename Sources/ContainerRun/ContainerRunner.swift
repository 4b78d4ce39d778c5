internal import Glibc
public import HostSystem
public import OCI

// ContainerRun: a container from an image's configuration and directories that hold its layers.
//
//   image config ──▶ ContainerSpec (config.json)  ─┐
//   layer directories ──▶ overlay at bundle/rootfs ─┼─▶ runc or crun, stdio and signals passed on ──▶ exit status
//   host's resolv.conf, hosts, hostname (copies)  ─┘
//
// How the layers got there is not asked: lazily mounted ones and ones that LayerUnpacker wrote look the same. What a run leaves is its
// exit status and nothing else: the bundle's owner removes it, and if the owner was killed, the next run's BundleReaper does.
// Everything is mounted in the caller's private mount namespace (MountNamespace.enterPrivate, first thing in main), so that no end,
// not even SIGKILL, leaves a mount on the host. The room never talks to a registry.

/// Runs containers in the foreground.
public struct ContainerRunner: Sendable {
    /// How containers are run here.
    public struct Options: Sendable {
        /// Directory of store and state; bundles are in its `run`.
        public var root: String
        /// Path or name of the OCI runtime; runc, else crun, when nil.
        public var runtime: String?

        /// Options with the default runtime.
        public init(root: String, runtime: String? = nil) {
            self.root = root
            self.runtime = runtime
        }
    }

    private let options: Options
    private let runtime: ContainerRuntime

    /// Finds the runtime and removes what killed runs have left under the root.
    ///
    /// - Throws: `HostError` when there is no runtime or the root cannot be written.
    public init(_ options: Options) throws {
        self.options = options
        runtime = try ContainerRuntime(options.runtime)
        try BundleReaper(root: options.root, runtime: runtime).reap()
    }

    /// Runs a container from its start to its end.
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
        if settings.terminal, isatty(1) == 0 || settings.readsInput && isatty(0) == 0 { throw ContainerError.noTerminal }
        let bundle = try ContainerBundle(root: options.root, runtime: runtime)
        do {
            try bundle.mount(lowerDirectories)
            try prepare(bundle, image, name, settings)
            onStart()
            let status = try ContainerProcess(bundle: bundle, runtime: runtime, settings: settings).run(signals)
            try bundle.remove()
            return status
        } catch {
            // The first failure is the one to tell; what cannot be removed now, the next run's reaper removes.
            try? bundle.remove()
            throw error
        }
    }

    /// Writes what the runtime reads. Looks into the root file system and lets go of it: an open descriptor would keep it mounted.
    private func prepare(_ bundle: ContainerBundle, _ image: ImageConfig, _ name: String, _ settings: ContainerSettings) throws {
        let root = try RootedDirectory(bundle.rootfs)
        let hostname = settings.hostname ?? (settings.network == .host ? HostFiles.hostname() : String(bundle.id.prefix(12)))
        let spec = try ContainerSpec(
            image: image, name: name, settings: settings, root: root, hostname: hostname, containerID: bundle.id)
        // What is mounted over the image may bring the program along.
        if settings.mounts.isEmpty { try ContainerProgram(spec.arguments[0], spec: spec).check(in: root, image: name) }
        try bundle.write(spec, root: options.root, image: root)
    }
}
