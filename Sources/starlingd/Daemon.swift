internal import Configuration
internal import ContainerdClient
internal import Daemons
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import HostSystem
internal import Logging
internal import SnapshotService
internal import Snapshots
internal import StatusAPI
internal import UnixSignals

/// The daemon's life: open everything, serve, and end in order.
///
/// Whatever fails before the socket listens ends the process with one line; afterwards only a signal does.
/// SIGTERM stops serving and leaves mounts and files as they are, for the next start, like every other end but SIGINT, which also unmounts
/// all layers and removes what removed snapshots left behind.
struct Daemon {
    let address: String
    let root: String
    let plainHTTP: Bool
    let configuration: DaemonConfiguration
    let log: Logger

    /// Below the root, where snapshots are.
    static let snapshotterDirectory = "/snapshotter"
    /// Longest wait for running calls after a signal.
    static let gracePeriod = Duration.seconds(10)
    /// Largest request, in bytes: containerd's own bound for messages.
    static let maximumRequestSize = 16 << 20
    /// Most calls under way on one connection, and containerd has one for everything: calls that wait for a registry must leave room for the others.
    /// A server that does not say how many has 100, and containerd does not know.
    static let mostCalls = 16_384

    func run() async throws {
        // Before anything that may take time: a signal during start-up ends the daemon in order, too.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try Files.makeDirectories(root, mode: 0o711)
        // First of all: a second daemon must not get as far as replacing the first one's mount or socket.
        let lock = try FileLock(root + "/lazy.lock")
        defer { withExtendedLifetime(lock) {} }
        // Calls that come while layers are taken over wait a little and find a daemon.
        let listener = try UnixListener(path: address)
        defer { listener.unlink() }
        let keychains = try NodeKeychains(configuration, log: log)
        let imageListener = try imageServiceListener()
        defer { imageListener?.unlink() }
        let lazy = try await makeLazyLayers(
            root: root, plainHTTP: plainHTTP, configuration: configuration, credentials: keychains.credential(for:repository:), log: log)
        let snapshotter: Snapshotter
        let metering: Metering?
        do {
            snapshotter = try Snapshotter(
                root: root + Self.snapshotterDirectory, layers: lazy.layers, requiresLazy: configuration.starling.lazy == "require",
                log: log)
            metering = try await self.metering(lazy.metrics, snapshotter)
        } catch {
            await lazy.stop(.failedStart)
            throw error
        }
        let measuring = Task { try await metering?.run() }
        defer {
            measuring.cancel()
            metering?.unlink()
        }
        do {
            let isCleanup = try await serve(snapshotter, lazy, keychains, on: listener, imageListener, until: signals)
            await lazy.stop(isCleanup ? .cleanup : .leave)
        } catch {
            await lazy.stop(.leave)
            throw error
        }
        log.info("stopped")
    }

    /// Serves until a signal says otherwise; true when it asks for clean-up.
    private func serve(
        _ snapshotter: Snapshotter, _ lazy: WiredLayers, _ keychains: NodeKeychains, on listener: UnixListener,
        _ imageListener: UnixListener?, until signals: UnixSignalsSequence
    ) async throws -> Bool {
        var services: [any RegistrableRPCService] = [
            SnapshotsAdapter(snapshotter: snapshotter, log: log), StatusService(report: lazy.report),
        ]
        let imageServices = keychains.imageService.map { [$0] } ?? []
        if imageListener == nil { services += imageServices }
        var servers = [makeServer(listener: listener, services: services)]
        if let imageListener { servers.append(makeServer(listener: imageListener, services: imageServices)) }
        let connecting = Task { await keychains.run() }
        defer { connecting.cancel() }
        let restoring = Task {
            do {
                // What one snapshot could not get again may be served still, as the last daemon left it.
                if try await snapshotter.restoreLayers() { await lazy.restored() }
            } catch {
                log.error("cannot restore lazy layers", metadata: ["reason": "\(error)"])
            }
        }
        defer { restoring.cancel() }
        log.info("serving", metadata: ["address": "\(address)", "root": "\(root)", "version": "\(Version.current)"])
        ServiceNotifier.notify("READY=1")
        let isCleanup = try await serve(servers, until: signals) { await snapshotter.stopWaiting() }
        await keychains.stop()
        guard isCleanup else { return false }
        await snapshotter.unmountLayers()
        do {
            try await snapshotter.cleanup()
        } catch {
            log.warning("clean-up is not complete", metadata: ["reason": "\(error)"])
        }
        return true
    }

    /// The socket of CRI's image service, when it has one of its own.
    private func imageServiceListener() throws -> UnixListener? {
        let service = configuration.criKeychain
        return service.isEnabled && !service.listenPath.isEmpty ? try UnixListener(path: service.listenPath) : nil
    }

    private func makeServer(
        listener: UnixListener, services: [any RegistrableRPCService]
    ) -> GRPCServer<HTTP2ServerTransport.Posix> {
        let transport = HTTP2ServerTransport.Posix(
            listeningSocketDescriptor: Int(listener.descriptor), transportSecurity: .plaintext,
            config: .defaults { config in
                config.rpc.maxRequestPayloadSize = Self.maximumRequestSize
                config.http2.maxConcurrentStreams = Self.mostCalls
                // Calls are small and come one after the other: waiting for more to write only delays them.
                config.connection.flushCoalescing = nil
                config.channelDebuggingCallbacks.onAcceptTCPConnection = ConnectionSide.server.answerPings
            }, eventLoopGroup: CallExecutor.shared.threads)
        return GRPCServer(transport: transport, services: services)
    }

    /// Serves until a signal arrives and the calls under way have ended; true when the signal asks for clean-up.
    ///
    /// - Parameter outOfTime: ends what calls wait for.
    private func serve(
        _ servers: [GRPCServer<HTTP2ServerTransport.Posix>], until signals: UnixSignalsSequence, outOfTime: () async -> Void
    ) async throws -> Bool {
        try await withThrowingTaskGroup(of: Event.self) { group in
            group.addTask {
                do {
                    try await withTaskExecutorPreference(CallExecutor.shared) {
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for server in servers { group.addTask { try await server.serve() } }
                            try await group.waitForAll()
                        }
                    }
                    return .served
                } catch {
                    return .failed(error)
                }
            }
            group.addTask {
                for await signal in signals {
                    // NIO's channels do not expect their end while they begin to listen.
                    for server in servers { _ = try? await server.listeningAddress }
                    return .signal(signal)
                }
                return .served
            }
            var isCleanup = false
            while let event = try await group.next() {
                switch event {
                case .signal(let signal):
                    log.info("stopping", metadata: ["signal": "\(signal)"])
                    ServiceNotifier.notify("STOPPING=1")
                    isCleanup = signal == .sigint
                    for server in servers { server.beginGracefulShutdown() }
                    group.addTask {
                        try? await Task.sleep(for: Self.gracePeriod)  // cancelled when serving ends first
                        return .outOfTime
                    }
                case .failed(let error): throw error
                case .served, .outOfTime:
                    // Serving ends with the last call, cancelled or not: what they wait for must end first.
                    if case .outOfTime = event { await outOfTime() }
                    group.cancelAll()
                    return isCleanup
                }
            }
            return isCleanup
        }
    }

    private enum Event: Sendable {
        case served
        case failed(any Error)
        case signal(UnixSignal)
        case outOfTime
    }
}
