/// How registries are talked to.
public struct RegistryOptions: Sendable {
    /// True: plain HTTP everywhere. Nil: TLS, but plain HTTP is tried for registries on loopback, as docker does.
    public var plainHTTP: Bool?
    /// File with credentials, in place of docker's configuration.
    public var authFile: String?
    /// How often a request that failed for a passing reason is repeated.
    public var retries = 5

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
