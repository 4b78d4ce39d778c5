public import Digests

/// Why a registry did not give (or take) what was wanted. Each is one line for the user: what, where, and what to do where something helps.
public enum RegistryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No connection: name not known, refused, network gone.
    case unreachable(host: String, reason: String)
    /// A certificate or protocol problem.
    case tls(host: String, reason: String)
    /// Nothing came for too long.
    case timeout(host: String, reason: String)
    /// The connection ended in the middle of an answer.
    case interrupted(host: String, reason: String)
    /// 401 with or without credentials.
    case unauthorized(host: String, what: String, hadCredentials: Bool)
    /// 403.
    case forbidden(host: String, what: String, message: String)
    /// 404.
    case notFound(host: String, what: String)
    /// 429 after all retries.
    case rateLimited(host: String)
    /// Any other status.
    case status(host: String, what: String, status: Int, message: String)
    /// An answer that the protocol does not allow.
    case badAnswer(host: String, what: String, reason: String)
    /// An upload whose first bytes only the registry had, and it has them no more.
    case lostUpload(host: String)
    /// Content that is not what its digest says.
    case digestMismatch(what: String, expected: Digest, actual: Digest)
    /// Credentials that cannot be used.
    case credentials(String)
    /// This machine's own trouble: no file, no thread.
    case system(String)
    /// What was said of hosts cannot be used.
    case configuration(String)
    /// The registry's error, after its mirrors failed for reasons of their own.
    indirect case afterMirrors(RegistryError, mirrors: [RegistryError])
    /// Given up by the caller.
    case cancelled

    /// One line for the user.
    public var description: String {
        switch self {
        case .unreachable(let host, let reason): "registry \(host) cannot be reached: \(reason); check the name and the network"
        case .tls(let host, let reason):
            """
            registry \(host): TLS failed: \(reason); for a registry without TLS use --plain-http, for a private authority \
            name its certificate in hosts.toml (ca)
            """
        case .timeout(let host, let reason): "registry \(host) did not answer in time: \(reason)"
        case .interrupted(let host, let reason): "registry \(host): the connection was cut: \(reason)"
        case .unauthorized(let host, let what, let hadCredentials):
            hadCredentials
                ? "\(what): registry \(host) does not accept the credentials for it (401); run: docker login \(host)"
                : "\(what): registry \(host) asks for credentials and there are none (401), or it does not exist; run: docker login \(host)"
        case .forbidden(let host, let what, let message):
            "\(what): registry \(host) denies access (403)\(RegistryError.suffix(message)); run: docker login \(host)"
        case .notFound(let host, let what): "\(what): not found in registry \(host) (404); check name and tag"
        case .rateLimited(let host): "registry \(host) limits the rate of requests (429); try again later or log in"
        case .status(let host, let what, let status, let message):
            "\(what): registry \(host) answered with status \(status)\(RegistryError.suffix(message))"
        case .badAnswer(let host, let what, let reason): "\(what): registry \(host) answered strangely: \(reason)"
        case .lostUpload(let host): "registry \(host) has lost the beginning of an upload"
        case .digestMismatch(let what, let expected, let actual): "\(what): digest is \(actual), expected \(expected)"
        case .credentials(let reason): "credentials: \(reason)"
        case .system(let reason): reason
        case .configuration(let reason): reason
        case .afterMirrors(let error, let mirrors):
            "\(error.description) (before it: \(mirrors.map(\.description).joined(separator: "; ")))"
        case .cancelled: "cancelled"
        }
    }

    private static func suffix(_ message: String) -> String { message.isEmpty ? "" : ": " + oneLine(message) }

    // What a server says is not trusted to be one line.
    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 32 } ? " " : $0 })
    }

    /// Whether asking again may help.
    var isTransient: Bool {
        switch self {
        case .timeout, .interrupted, .rateLimited: true
        case .status(_, _, let status, _): status >= 500
        case .afterMirrors(let error, let mirrors): error.isTransient || mirrors.contains { $0.isTransient }
        default: false
        }
    }

    /// Whether nobody could be reached, now: a registry that restarts is such a one.
    var isUnreachable: Bool {
        switch self {
        case .unreachable: true
        case .afterMirrors(let error, let mirrors): error.isUnreachable || mirrors.contains { $0.isUnreachable }
        default: false
        }
    }

    /// Whether the next request to the same host will fare no better. A cut connection is nothing that lasts.
    var isTroubleOfHost: Bool {
        switch self {
        case .unreachable, .tls: true
        case .interrupted: false
        default: isTransient
        }
    }

    /// The errors of hosts that were asked in this order, at least one: the last counts, being the registry's own.
    static func joined(_ errors: [RegistryError]) -> RegistryError {
        guard let last = errors.last else { return .configuration("no host to ask") }
        let telling = errors.dropLast().filter { error in
            if case .notFound = error { false } else { true }
        }
        return telling.isEmpty ? last : .afterMirrors(last, mirrors: telling)
    }
}
