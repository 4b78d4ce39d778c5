extension DaemonConfiguration {
    /// `[starling]`: what only this implementation has.
    public struct Starling: Equatable, ConfigurationTable {
        /// `lazy`
        public var lazy = "prefer"
        /// `min_layer_size`
        public var minLayerSize = 0
        /// `mode`
        public var mode = "auto"
        /// `cache_max_bytes`
        public var cacheMaxBytes = 0
        /// `bandwidth_limit_bytes`
        public var bandwidthLimitBytes = 0
        /// `profiles`
        public var profiles = true

        /// The defaults.
        public init() {}

        static let fields: [ConfigurationField<Self>] = [
            .string(
                "lazy", \.lazy,
                "Whether layers are lazy where they can be, must be lazy or fail, or never are; snapshots that are there stay what they are.",
                choices: ["prefer", "require", "never"]),
            .int("min_layer_size", \.minLayerSize, "Layers of fewer compressed bytes are left to the client to unpack."),
            .string(
                "mode", \.mode, "How containers see lazy layers: natively the kernel mounts their trees, else FUSE serves them.",
                choices: ["auto", "native", "fuse"]),
            .int(
                "cache_max_bytes", \.cacheMaxBytes,
                "Bytes of the disk that the store may take, more only while all of it is in use; 0 for no bound."),
            .int(
                "bandwidth_limit_bytes", \.bandwidthLimitBytes,
                "Bytes per second that are fetched at most of what nobody waits for; 0 for no limit."),
            .bool(
                "profiles", \.profiles, "Prefetch what the profile of an image says, where it has one, in place of what its landmarks say."),
        ]
    }
}
