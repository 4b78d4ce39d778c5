internal import Configuration
internal import ContainerdClient
internal import GRPCCore
internal import Keychains
internal import Logging
internal import Registry
internal import SnapshotService

/// Credentials that the daemon has from others, as its configuration allows.
struct NodeKeychains: Sendable {
    private let kubernetes: KubernetesKeychain?
    private let cri: CRIKeychain?
    private let backend: ContainerdChannel?

    init(_ configuration: DaemonConfiguration, log: Logger) throws {
        let kubeconfig = configuration.kubeconfigKeychain
        kubernetes = kubeconfig.isEnabled ? KubernetesKeychain(path: kubeconfig.path, log: log) : nil
        let service = configuration.criKeychain
        cri = service.isEnabled ? CRIKeychain() : nil
        backend = service.isEnabled ? try ContainerdChannel(address: service.imageServicePath) : nil
    }

    /// For `RegistryOptions.credentials`: secrets of the cluster, then those of pulls (contracts.md 3).
    func credential(for host: String, repository: String) -> Credential? {
        kubernetes?.credential(for: host) ?? cri?.credential(for: host, repository: repository)
    }

    /// CRI's image service; nil when it is not wanted.
    var imageService: (any RegistrableRPCService)? {
        guard let cri, let backend else { return nil }
        return ImageServiceProxy(backend: backend.client, keychain: cri)
    }

    /// Keeps the connections until the task is cancelled.
    func run() async {
        kubernetes?.start()
        // Ends with the task; what a lost connection means is told to those who call.
        try? await backend?.run()
    }

    /// Ends what goes on in the background.
    func stop() async { await kubernetes?.stop() }
}
