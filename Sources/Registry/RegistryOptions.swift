public import StartTrace

/// How registries are talked to.
public struct RegistryOptions: Sendable {
    /// True: plain HTTP everywhere that `hosts` does not say otherwise. Nil: TLS, but plain HTTP is tried for registries on loopback, as docker does.
    public var plainHTTP: Bool?
    /// File with credentials, in place of docker's configuration.
    public var authFile: String?
    /// Credentials that others have, asked where docker's configuration has none, on any thread: a host, and the repository with its registry that
    /// it is asked for.
    public var credentials: (@Sendable (_ host: String, _ repository: String) -> Credential?)?
    /// Hosts of a registry; nil, or nil for a registry, means the registry itself. Asked on any thread.
    public var hosts: (@Sendable (_ registry: String) throws -> RegistryHosts?)?
    /// How long an answer of `hosts` counts. One that fails later on changes nothing.
    public var hostsKeptFor = Duration.seconds(10)
    /// How often a request that failed for a passing reason is repeated.
    public var retries = 5
    /// Time without a byte after which a request is given up; in the middle of an answer 10 s are enough.
    public var silence = Duration.seconds(30)
    /// Bytes of a piece of an upload: what a cut connection costs, where the registry keeps whole pieces. Smaller blobs go in one request.
    public var uploadPieceSize: Int64 = 16 << 20
    /// Who takes down every request; nil for nobody.
    public var trace: TraceRecorder?

    /// The defaults.
    public init() {}
}

/// What was transferred, in all.
public struct TransferStatistics: Sendable, Equatable {
    /// Requests sent.
    public var requests: UInt64 = 0
    /// Bytes of answers' bodies.
    public var bytesReceived: UInt64 = 0
}
