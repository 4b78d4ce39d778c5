internal import HostSystem
public import Logging
public import Registry
internal import Synchronization

// Keychains: credentials that others have for us.
//
//   Kubernetes' API server ──list, watch──▶ KubernetesKeychain ─┐
//   kubelet ──PullImage──▶ image-service proxy ──▶ CRIKeychain ─┴─▶ credential(for:) ◀── Registry, when docker's configuration has none
//
// Nothing is written to a disk, and nobody waits: what is not known yet is not there.

/// Credentials from a cluster's secrets of type `kubernetes.io/dockerconfigjson`, kept up to date in the background.
public final class KubernetesKeychain: Sendable {
    private let table = PullSecretTable()
    private let client = StreamClient()
    private let credentials = ClusterCredentials()
    private let source: ClusterSource
    private let mayComeLater: Bool
    private let log: Logger
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// How long a kubeconfig that is not there is waited for until it is looked for again; a node has one after it has joined its cluster.
    private static let lookInterval = Duration.seconds(5)
    /// Waits after a failure: the first, and the longest after doubling.
    private static let (shortestWait, longestWait) = (Duration.seconds(1), Duration.seconds(30))

    /// - Parameter path: of the kubeconfig, which may come later; empty for the usual places, and for what a pod is given.
    public convenience init(path: String, log: Logger) {
        self.init(path.isEmpty ? .usual() : .kubeconfig(path: path), mayComeLater: !path.isEmpty, log: log)
    }

    init(_ source: ClusterSource, mayComeLater: Bool = false, log: Logger) {
        (self.source, self.mayComeLater, self.log) = (source, mayComeLater, log)
    }

    /// Begins to ask the cluster.
    public func start() {
        task.withLock { task in
            if task == nil { task = Task { [self] in await run() } }
        }
    }

    /// Ends that, and waits for it.
    public func stop() async {
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
        client.shutdown()
    }

    /// What the cluster has for a host; nil when nothing, or when it has not answered yet.
    public func credential(for host: String) -> Credential? { table.credential(for: host) }

    private func run() async {
        var isAwaited = false
        let path = source.path
        while !Files.exists(path), !Task.isCancelled {
            guard mayComeLater else {
                return log.warning("no kubeconfig, no credentials from secrets", metadata: ["kubeconfig": "\(path)"])
            }
            if !isAwaited { log.info("waiting for the kubeconfig", metadata: ["kubeconfig": "\(path)"]) }
            isAwaited = true
            await pause(Self.lookInterval)
        }
        var wait = Self.shortestWait
        var lastReason: String?
        while !Task.isCancelled {
            do throws(KeychainError) {
                // Read each time: certificates and tokens in it are renewed.
                let api = SecretsAPI(kubeconfig: try source.read(), credentials: credentials, client: client)
                try await follow(api) {
                    wait = Self.shortestWait
                    lastReason = nil
                }
            } catch .expired {
                await pause(Self.shortestWait)
            } catch {
                guard !Task.isCancelled else { return }
                let reason = "\(error)"
                log.log(level: reason == lastReason ? .debug : .warning, "no credentials from secrets", metadata: ["reason": "\(reason)"])
                lastReason = reason
                await pause(wait)
                wait = min(wait * 2, Self.longestWait)
            }
        }
    }

    /// Takes all secrets and then every change, until something is wrong.
    private func follow(_ api: SecretsAPI, onList: () -> Void) async throws(KeychainError) {
        let (secrets, version) = try await api.list()
        table.replace(with: secrets)
        log.info("credentials from secrets", metadata: ["secrets": "\(table.count)"])
        onList()
        let reached = Mutex(version)
        while !Task.isCancelled {
            let before = ContinuousClock.now
            try await api.watch(from: reached.withLock { $0 }) { [table] event in
                let version: String?
                switch event {
                case .put(let secret):
                    table.put(secret)
                    version = secret.metadata.resourceVersion
                case .removed(let secret):
                    table.remove(secret)
                    version = secret.metadata.resourceVersion
                case .bookmark(let resourceVersion): version = resourceVersion
                case .failed: version = nil
                }
                if let version { reached.withLock { $0 = version } }
            }
            // A server that ends every watch at once is not asked all the time.
            if ContinuousClock.now - before < Self.shortestWait { await pause(Self.shortestWait) }
        }
    }

    private func pause(_ duration: Duration) async {
        try? await Task.sleep(for: duration)  // cancelled at the end
    }
}
