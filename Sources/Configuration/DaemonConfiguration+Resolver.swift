extension DaemonConfiguration {
    /// `[resolver]`: registries and their mirrors.
    public struct Resolver: Equatable, Sendable {
        /// `request_timeout_sec`: longest wait for a registry's answer, in seconds.
        public var requestTimeoutSeconds = 30
        /// `[[resolver.host."HOST".mirrors]]` by host, mirrors in the order of the file.
        public var mirrors: [String: [Mirror]] = [:]

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("request_timeout_sec", into: &requestTimeoutSeconds)
            var found: [String: [Mirror]] = [:]
            try table.readTable("host") { hosts throws(ConfigurationError) in
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
        /// `host`: host and optional port, perhaps a path.
        public var host = ""
        /// `insecure`: plain HTTP.
        public var isInsecure = false
        /// `request_timeout_sec`: overrides the resolver's; negative for none, 0 for the resolver's.
        public var requestTimeoutSeconds = 0
        /// `header`: sent with every request.
        public var headers: [String: [String]] = [:]

        /// A mirror of that host.
        public init(host: String) {
            self.host = host
        }

        init(_ table: TableReader) throws(ConfigurationError) {
            try table.read("host", into: &host)
            guard !host.isEmpty else { throw table.failure("host", "is missing") }
            try table.read("insecure", into: &isInsecure)
            try table.read("request_timeout_sec", into: &requestTimeoutSeconds)
            var found: [String: [String]] = [:]
            try table.readTable("header") { header throws(ConfigurationError) in
                for name in header.keys { found[name] = try header.strings(name) }
            }
            headers = found
        }
    }
}
