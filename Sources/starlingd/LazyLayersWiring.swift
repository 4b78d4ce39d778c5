internal import Configuration
internal import Daemons
internal import LazyFS
internal import Logging
internal import Registry
internal import Snapshots
internal import Threads

/// What the daemon needs of whoever serves lazy layers.
struct WiredLayers: Sendable {
    /// Mounts and unmounts layers.
    let layers: any LazyLayers
    /// What `starling status` shows.
    let report: @Sendable () async -> StatusReport
    /// What Prometheus reads.
    let metrics: NodeMetrics
    /// Called once, when all snapshots have the layers that they need.
    let restored: @Sendable () async -> Void
    /// Called once, after the last RPC.
    let stop: @Sendable (End) async -> Void

    /// What is to become of the mounts.
    enum End: Sendable {
        /// They stay for the next daemon, where they can.
        case leave
        /// They go.
        case cleanup
        /// They go if this daemon has made them, and stay if they were there.
        case failedStart
    }
}

/// Builds the lazy layers of the daemon: its store is in `ROOT`, its mounts are `ROOT/lazy` and those in `ROOT/trees`, which outlive it.
///
/// - Parameters:
///   - root: the daemon's state directory, which is there and locked; layers live in directories of their own below it.
///   - plainHTTP: talk to all registries over plain HTTP.
///   - credentials: of a host and a repository, where docker's configuration has none.
func makeLazyLayers(
    root: String, plainHTTP: Bool, configuration: DaemonConfiguration,
    credentials: @escaping @Sendable (String, String) -> Credential?, log: Logger
) async throws -> WiredLayers {
    var options = RegistryOptions()
    options.plainHTTP = plainHTTP ? true : nil
    let (directory, resolver) = (try HostsDirectory.usualIfAny(), configuration.resolver)
    options.hosts = { resolver.hosts(of: $0, before: try directory?.hosts(of: $0)) }
    options.credentials = credentials
    options.silence = resolver.silence
    options.retries = configuration.blob.maxRetries
    let client = RegistryClient(options: options)
    // The program as it is now, whatever an upgrade has put in its place since.
    let keeper = KeeperProgram(path: "/proc/self/exe", arguments: [Starlingd.keeperCommand, root])
    let node = try LazyNode(
        root: root, directory: root, mode: ServingMode(rawValue: configuration.starling.mode) ?? .auto, client: client,
        prefetch: configuration.prefetch, fetching: configuration.fetching, opening: configuration.opening,
        keeping: MountKeeping(directory: root, program: keeper, log: log), traces: configuration.general.debug, log: log)
    log.info("lazy layers", metadata: ["mode": "\(node.serving)"])
    let starts = ImageStarts(client: client, usesProfiles: configuration.starling.profiles, log: log)
    let layers = NodeLayers(
        node: node, starts: configuration.general.noPrefetch ? nil : starts, admission: LayerAdmission(configuration.starling), log: log)
    let limit = CacheLimit(store: node.store, bytes: UInt64(configuration.starling.cacheMaxBytes), log: log)
    let metrics = NodeMetrics(node: node, layers: layers, isDetailed: !configuration.general.noPrometheus, log: log)
    return WiredLayers(layers: layers, report: { layers.report(root: root) }, metrics: metrics) {
        do {
            try await layers.unmountUnclaimed()
        } catch {
            log.warning("layers without a snapshot stay on the lazy mount", metadata: ["reason": "\(error)"])
        }
    } stop: { end in
        limit.end()
        await layers.end()
        do {
            let mayStay = end == .leave || end == .failedStart && node.isTakenOver
            try await BlockingTask.run { mayStay ? node.leave() : node.shutdown() }
        } catch {
            log.warning("the lazy mount was not ended in order", metadata: ["reason": "\(error)"])
        }
        client.shutdown()
    }
}
