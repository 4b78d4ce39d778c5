internal import Configuration
internal import HostSystem
internal import LazyFS
internal import Logging
internal import Registry
internal import Snapshots
internal import StatusAPI
internal import Threads

/// What the daemon needs of whoever serves lazy layers.
struct WiredLayers: Sendable {
    /// Mounts and unmounts layers.
    let layers: any LazyLayers
    /// What `starling status` shows.
    let report: @Sendable () async -> StatusReport
    /// Called once, after the last RPC. `isCleanup`: nothing may stay mounted; else mounts survive where they can.
    let stop: @Sendable (_ isCleanup: Bool) async -> Void
}

/// Builds the lazy layers of the daemon: its store is in `ROOT`, its mounts are `ROOT/lazy` and those in `ROOT/trees`.
///
/// - Parameters:
///   - root: the daemon's state directory; layers live in directories of their own below it.
///   - plainHTTP: talk to all registries over plain HTTP.
func makeLazyLayers(root: String, plainHTTP: Bool, configuration: DaemonConfiguration, log: Logger) async throws -> WiredLayers {
    try Files.makeDirectories(root, mode: 0o711)
    // The lock of the root is taken by the snapshotter, later; a second daemon must not get as far as replacing the first one's mount.
    let lock = try FileLock(root + "/lazy.lock")
    var options = RegistryOptions()
    options.plainHTTP = plainHTTP ? true : nil
    if let directory = try HostsDirectory.usualIfAny() { options.hosts = { try directory.hosts(of: $0) } }
    options.retries = max(0, configuration.blob.maxRetries)
    let client = RegistryClient(options: options)
    let node = try LazyNode(
        root: root, directory: root, mode: ServingMode(rawValue: configuration.starling.mode) ?? .auto, client: client,
        prefetches: !configuration.noPrefetch, log: log)
    log.info("lazy layers", metadata: ["mode": "\(node.serving)"])
    let layers = NodeLayers(node: node)
    let limit = CacheLimit(store: node.store, bytes: UInt64(configuration.starling.cacheMaxBytes), log: log)
    return WiredLayers(layers: layers, report: { layers.report(root: root) }) { _ in
        limit.end()
        do {
            try await BlockingTask.run { node.shutdown() }
        } catch {
            log.warning("the lazy mount was not ended in order", metadata: ["reason": "\(error)"])
        }
        client.shutdown()
        withExtendedLifetime(lock) {}
    }
}
