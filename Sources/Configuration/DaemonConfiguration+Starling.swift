extension DaemonConfiguration {
    /// `[starling]`: what only this implementation has.
    public struct Starling: Equatable, ConfigurationTable {
        /// `mode`
        public var mode = "auto"
        /// `cache_max_bytes`
        public var cacheMaxBytes = 0
        /// `bandwidth_limit_bytes`
        public var bandwidthLimitBytes = 0

        /// The defaults.
        public init() {}

        static let fields: [ConfigurationField<Self>] = [
            .string(
                "mode", \.mode, "How containers see lazy layers: natively the kernel mounts their trees, else FUSE serves them.",
                choices: ["auto", "native", "fuse"]),
            .int(
                "cache_max_bytes", \.cacheMaxBytes,
                "Bytes of the disk that the store may take, more only while all of it is in use; 0 for no bound."),
            .int(
                "bandwidth_limit_bytes", \.bandwidthLimitBytes,
                "Bytes per second that are fetched at most of what nobody waits for; 0 for no limit."),
        ]
    }
}
