/// Why a cluster gives no credentials.
enum KeychainError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be used.
    case kubeconfig(path: String, reason: String)
    /// The program that a kubeconfig names for credentials gave none.
    case plugin(command: String, reason: String)
    /// The API server did not give what was asked for.
    case server(String)
    /// What was known is too old to go on from; everything must be asked for again.
    case expired

    /// One line for the log.
    var description: String {
        switch self {
        case .kubeconfig(let path, let reason): "kubeconfig \(path): \(reason)"
        case .plugin(let command, let reason): "the kubeconfig's credential plug-in \(command): \(reason)"
        case .server(let reason): "the Kubernetes API server: \(reason)"
        case .expired: "the Kubernetes API server has forgotten where we were"
        }
    }
}
