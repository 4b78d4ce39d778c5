internal import Registry
internal import Synchronization

/// The secrets that are known now; read by whoever asks for a credential, written by the watch.
final class PullSecretTable: Sendable {
    private let secrets = Mutex<[String: DockerConfiguration]>([:])

    /// Puts a whole list in the place of what was known.
    func replace(with list: [PullSecret]) {
        let known = Dictionary(list.compactMap { secret in secret.configuration.map { (secret.key, $0) } }) { $1 }
        secrets.withLock { $0 = known }
    }

    /// A secret is new or has changed. One that holds nothing of use is as good as removed.
    func put(_ secret: PullSecret) { secrets.withLock { $0[secret.key] = secret.configuration } }

    func remove(_ secret: PullSecret) { secrets.withLock { $0[secret.key] = nil } }

    /// Of several secrets for a registry, that whose namespace and name come first in the alphabet: which, has to be the same each time.
    func credential(for host: String) -> Credential? {
        let secrets = secrets.withLock { $0 }
        for key in secrets.keys.sorted() {
            if let credential = secrets[key]?.credential(for: host) { return credential }
        }
        return nil
    }

    var count: Int { secrets.withLock { $0.count } }
}
