/// One host that serves a registry's repositories: the registry itself or a mirror, as a table of containerd's hosts.toml describes it.
public struct RegistryHost: Equatable, Sendable {
    /// Encryption of a host's connections.
    public enum Scheme: String, Sendable {
        /// TLS.
        case https
        /// None.
        case http
    }

    /// What a host may be asked for.
    public struct Capabilities: OptionSet, Sendable {
        /// Bits of the set.
        public let rawValue: UInt8

        /// A set of capabilities by its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Manifests and blobs by digest, which everybody can verify.
        public static let pull = Capabilities(rawValue: 1)
        /// What a tag names, which the host is trusted to know.
        public static let resolve = Capabilities(rawValue: 2)
        /// Uploads.
        public static let push = Capabilities(rawValue: 4)
    }

    /// How its connections are made.
    public struct Connection: Equatable, Sendable {
        /// Certificates (PEM) that are trusted beside the system's.
        public var certificateAuthorities: [UInt8] = []
        /// Files of the certificate and key that the client shows; one file may hold both.
        public var clientCertificate: (certificate: String, key: String)?
        /// The same in memory, where they are in no files.
        public var clientIdentity: ClientIdentity?
        /// Whether nobody checks who answers: for tests.
        public var skipsVerification = false
        /// Longest wait for a connection; nil for the client's own.
        public var connectTimeout: Duration?
        /// Time without a byte after which a request is given up; nil for the client's own.
        public var silence: Duration?
        /// URL of a proxy that leads there; nil for what the environment says.
        public var proxy: String?

        /// The defaults.
        public init() {}

        /// Whether something about TLS was said, and so the host has it.
        var speaksOfTLS: Bool { !certificateAuthorities.isEmpty || clientCertificate != nil || clientIdentity != nil || skipsVerification }

        /// The same for a place that the host has sent us to, which is not to be shown who we are.
        var elsewhere: Connection {
            var connection = self
            connection.clientCertificate = nil
            connection.clientIdentity = nil
            return connection
        }

        /// Field by field, a pair of files being no `Equatable`.
        public static func == (one: Connection, other: Connection) -> Bool {
            one.certificateAuthorities == other.certificateAuthorities && one.skipsVerification == other.skipsVerification
                && one.connectTimeout == other.connectTimeout && one.silence == other.silence && one.proxy == other.proxy
                && one.clientIdentity == other.clientIdentity && one.clientCertificate?.certificate == other.clientCertificate?.certificate
                && one.clientCertificate?.key == other.clientCertificate?.key
        }
    }

    /// What a client shows of itself.
    public struct ClientIdentity: Equatable, Sendable {
        /// The certificate, and those that lead to it (PEM).
        public var certificate: [UInt8]
        /// Its key (PEM).
        public var key: [UInt8]

        /// A certificate and its key.
        public init(certificate: [UInt8], key: [UInt8]) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// Host and optional port.
    public let authority: String
    /// Nil where nobody said: TLS, or what `RegistryOptions.plainHTTP` wants.
    public let scheme: Scheme?
    /// Path of the API, usually `/v2`.
    public let path: String
    /// What it may be asked for.
    public var capabilities: Capabilities = [.pull, .resolve, .push]
    /// Sent with every request to this host, and to no other.
    public var headers: [String: String] = [:]
    /// How its connections are made.
    public var connection = Connection()

    /// The host of a registry that nothing else is known of; Docker Hub is served by another name than its own.
    public init(registry: String) {
        authority = registry == "docker.io" ? "registry-1.docker.io" : registry
        scheme = nil
        path = "/v2"
    }

    /// The host of a URL such as `https://mirror.example.org:5000/hub`; nil when it is none. Without a scheme it is host, port and path.
    ///
    /// - Parameter overridesPath: the API is at the URL's own path, and not below `/v2`.
    public init?(url: String, overridesPath: Bool = false) {
        var rest = url[...]
        if let end = url.firstRange(of: "://") {
            guard let scheme = Scheme(rawValue: url[..<end.lowerBound].lowercased()) else { return nil }
            self.scheme = scheme
            rest = url[end.upperBound...]
        } else {
            scheme = nil
        }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.isEmpty, rest.utf8.allSatisfy({ $0 > 32 && $0 < 127 }), !rest.contains(where: { "?#@\"\\".contains($0) }) else {
            return nil
        }
        self.authority = authority == "docker.io" ? "registry-1.docker.io" : String(authority)
        let components = rest.dropFirst(authority.count).split(separator: "/")
        let path = components.map { "/" + $0 }.joined()
        self.path = overridesPath || components.last == "v2" ? path : path + "/v2"
    }
}

/// The hosts of one registry in the order in which they are asked.
public struct RegistryHosts: Equatable, Sendable {
    /// Asked first, in this order.
    public var mirrors: [RegistryHost]
    /// Asked last: the registry itself, unless somebody wants another in its place.
    public var server: RegistryHost

    /// Hosts of a registry.
    public init(mirrors: [RegistryHost] = [], server: RegistryHost) {
        self.mirrors = mirrors
        self.server = server
    }
}
