internal import FoundationEssentials
internal import Registry

/// With what requests reach a cluster, now.
struct ClusterAccess {
    var headers: [String: String]
    var connection: RegistryHost.Connection
    /// Whether this has served before, so that it may be too old without anybody's fault.
    var isOld = false
}

/// Keeps what a plug-in has given until it expires or the cluster refuses it. Token files are short and are read each time.
actor ClusterCredentials {
    private var kept: (plugin: ExecPlugin, credential: PluginCredential)?

    /// What to send to a cluster; may run a program.
    func access(to kubeconfig: Kubeconfig) async throws(KeychainError) -> ClusterAccess {
        var access = ClusterAccess(headers: try kubeconfig.headers(), connection: kubeconfig.connection)
        guard case .plugin(let plugin) = kubeconfig.user else { return access }
        let credential: PluginCredential
        if let kept, kept.plugin == plugin, kept.credential.expires.map({ $0 > Date.now }) ?? true {
            credential = kept.credential
            access.isOld = true
        } else {
            credential = try await plugin.run()
            kept = (plugin, credential)
        }
        if let token = credential.token { access.headers = Kubeconfig.headers(token: token) }
        if let identity = credential.identity { access.connection.clientIdentity = identity }
        return access
    }

    /// The cluster does not take it any more.
    func forget() { kept = nil }
}
