internal import FoundationEssentials
internal import OCI
public import Registry
internal import Synchronization

/// Credentials of pulls that passed through CRI's image service, by repository. The last pull of a repository that had some counts.
public final class CRIKeychain: Sendable {
    /// `runtime.v1.AuthConfig`, as kubelet fills it.
    public struct Auth: Equatable, Sendable {
        /// User name.
        public var user = ""
        /// Password.
        public var password = ""
        /// `user:password` in base64.
        public var encoded = ""
        /// Host, or URL of one, that all this is for; empty for that of the image.
        public var serverAddress = ""
        /// OAuth2 refresh token.
        public var identityToken = ""

        /// Nothing.
        public init() {}
    }

    private struct Entry {
        let host: String
        let credential: Credential
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Repositories, that of the last pull at the end.
        var order: [String] = []
    }

    private let state = Mutex(State())

    /// Repositories that are remembered; that whose pull is longest ago goes first.
    private static let mostRepositories = 4096

    /// Knows nothing yet.
    public init() {}

    /// A pull came by. What is no image name, or no credential, changes nothing.
    ///
    /// - Parameter image: as the client names it.
    public func remember(_ auth: Auth, for image: String) {
        // What is no reference fails where it is pulled.
        guard let reference = try? Reference(parsing: image), let credential = Self.credential(auth) else { return }
        let host = auth.serverAddress.isEmpty ? reference.registry : DockerConfiguration.host(auth.serverAddress)
        let key = "\(reference.registry)/\(reference.repository)"
        state.withLock { state in
            state.entries[key] = Entry(host: host, credential: credential)
            state.order.removeAll { $0 == key }
            state.order.append(key)
            if state.order.count > Self.mostRepositories { state.entries[state.order.removeFirst()] = nil }
        }
    }

    /// What a host is to be shown for a repository of a registry.
    ///
    /// - Parameters:
    ///   - host: who asks: the registry or a mirror.
    ///   - repository: with its registry, `docker.io/library/debian`.
    public func credential(for host: String, repository: String) -> Credential? {
        guard let entry = state.withLock({ $0.entries[repository] }), entry.host == host else { return nil }
        return entry.credential
    }

    private static func credential(_ auth: Auth) -> Credential? {
        if !auth.user.isEmpty { return Credential(user: auth.user, password: auth.password) }
        if !auth.identityToken.isEmpty { return Credential(user: "", password: "", identityToken: auth.identityToken) }
        return Credential(encoded: auth.encoded)
    }
}
