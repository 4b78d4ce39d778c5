public import Registry

extension DaemonConfiguration {
    /// `[resolver]`: registries and their mirrors.
    public struct Resolver: Equatable, ConfigurationTable {
        /// `request_timeout_sec`
        public var requestTimeoutSeconds = 30
        /// `[[resolver.host."HOST".mirrors]]` by host, mirrors in the order of the file.
        public var mirrors: [String: [Mirror]] = [:]

        /// The defaults.
        public init() {}

        static let fields: [ConfigurationField<Self>] = [
            .int(
                "request_timeout_sec", \.requestTimeoutSeconds,
                "Seconds without a byte after which a request is given up; negative for no limit.", minimum: .min, zeroIsDefault: true)
        ]

        static let innerExample = """
            # Mirrors of a registry, asked in this order and before those of containerd's hosts.toml.
            #[[resolver.host."docker.io".mirrors]]
            #host = "mirror.example.org:5000"
            # Plain HTTP.
            #insecure = false
            # As above, for this mirror; 0 for the value above.
            #request_timeout_sec = 0
            # Sent with every request; a text or a list of texts.
            #header = { X-Example = "value" }
            """.split(separator: "\n").map(String.init)

        mutating func readInner(_ reader: TableReader) throws(ConfigurationError) {
            var found: [String: [Mirror]] = [:]
            try reader.readTable("host") { hosts throws(ConfigurationError) in
                for host in hosts.keys {
                    try hosts.readTable(host) { table throws(ConfigurationError) in
                        try table.readTables("mirrors") { mirror throws(ConfigurationError) in
                            found[host, default: []].append(try Mirror(mirror))
                        }
                    }
                }
            }
            mirrors = found
        }
    }

    /// One mirror of a registry.
    public struct Mirror: Equatable, Sendable {
        /// `host`, `insecure` (plain HTTP) and `header`, as a host that may be pulled from.
        public var host: RegistryHost
        /// `request_timeout_sec`: in place of the resolver's; negative for no limit, 0 for the resolver's.
        public var requestTimeoutSeconds = 0

        init(_ table: TableReader) throws(ConfigurationError) {
            var (name, isInsecure) = ("", false)
            try table.read("host", into: &name)
            try table.read("insecure", into: &isInsecure)
            guard !name.isEmpty else { throw table.failure("host", "is missing") }
            guard !name.contains("://"), let host = RegistryHost(url: isInsecure ? "http://" + name : name) else {
                throw table.failure("host", "must be a host without a scheme, such as mirror.example.org:5000")
            }
            self.host = host
            self.host.capabilities = [.pull, .resolve]
            try table.read("request_timeout_sec", into: &requestTimeoutSeconds)
            self.host.headers = try table.headers("header")
        }
    }
}

extension DaemonConfiguration.Resolver {
    /// Who is asked for a registry's images: the mirrors of this file, then what else is known.
    ///
    /// - Parameter others: what hosts.toml says of the registry; nil for nothing.
    /// - Returns: nil when nobody says anything.
    public func hosts(of registry: String, before others: RegistryHosts?) -> RegistryHosts? {
        guard let mirrors = mirrors[registry], !mirrors.isEmpty else { return others }
        var hosts = others ?? RegistryHosts(server: RegistryHost(registry: registry))
        let first = mirrors.map { mirror in
            var host = mirror.host
            if mirror.requestTimeoutSeconds != 0 { host.connection.silence = Self.silence(mirror.requestTimeoutSeconds) }
            return host
        }
        hosts.mirrors = first + hosts.mirrors
        return hosts
    }

    /// Time without a byte after which a request is given up.
    public var silence: Duration { Self.silence(requestTimeoutSeconds) }

    /// What "no limit" is taken for: nobody waits longer than a year.
    private static let noLimit = Duration.seconds(365 * 24 * 3600)

    private static func silence(_ seconds: Int) -> Duration { seconds < 0 ? noLimit : min(.seconds(seconds), noLimit) }
}
