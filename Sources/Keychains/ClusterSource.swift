internal import HostSystem

/// Where it stands how a cluster is reached.
enum ClusterSource: Equatable {
    /// A kubeconfig.
    case kubeconfig(path: String)
    /// What every pod is given. Source: Kubernetes, "Accessing the Kubernetes API from a Pod".
    ///
    /// - Parameters:
    ///   - server: URL of the API server.
    ///   - directory: with `token`, written anew before it expires, and `ca.crt`.
    case serviceAccount(server: String, directory: String)

    /// Where pods have it.
    private static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// What there is when nobody says where, as client-go looks for it: a kubeconfig in its usual places, else that of a pod.
    ///
    /// - Parameters:
    ///   - kubeconfig: path in the usual places.
    ///   - environment: value of a variable.
    static func usual(
        kubeconfig: String = Kubeconfig.usualPath(), directory: String = serviceAccountDirectory,
        environment: (String) -> String? = Paths.environment
    ) -> ClusterSource {
        if !Files.exists(kubeconfig), Files.exists(directory + "/token"), let host = environment("KUBERNETES_SERVICE_HOST"),
            let port = environment("KUBERNETES_SERVICE_PORT")
        {
            return .serviceAccount(server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", directory: directory)
        }
        return .kubeconfig(path: kubeconfig)
    }

    /// The file without which nothing else is worth trying.
    var path: String {
        switch self {
        case .kubeconfig(let path): path
        case .serviceAccount(_, let directory): directory + "/token"
        }
    }

    /// Reads what stands there now.
    func read() throws(KeychainError) -> Kubeconfig {
        switch self {
        case .kubeconfig(let path): try Kubeconfig(file: path)
        case .serviceAccount(let server, let directory): try Kubeconfig(server: server, serviceAccount: directory)
        }
    }
}
