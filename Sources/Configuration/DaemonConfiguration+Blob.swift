extension DaemonConfiguration {
    /// `[blob]`: how ranges of a layer are fetched.
    public struct Blob: Equatable, ConfigurationTable {
        /// `valid_interval`
        public var validIntervalSeconds = 60
        /// `check_always`
        public var checkAlways = false
        /// `chunk_size`
        public var chunkSize = 50_000
        /// `fetching_timeout_sec`
        public var fetchingTimeoutSeconds = 300
        /// `force_single_range_mode`
        public var forceSingleRangeMode = false
        /// `prefetch_chunk_size`
        public var prefetchChunkSize = 0
        /// `max_retries`
        public var maxRetries = 5
        /// `min_wait_msec`
        public var minWaitMilliseconds = 30
        /// `max_wait_msec`
        public var maxWaitMilliseconds = 300_000

        /// The defaults.
        public init() {}

        private static let noChecks = KeyEffect.moot("every chunk is verified when it comes; a blob of a digest does not change")
        private static let ranges = KeyEffect.moot("ranges follow the chunks of the layer and what reads ask for")

        static let fields: [ConfigurationField<Self>] = [
            .int(
                "valid_interval", \.validIntervalSeconds, "Seconds between checks that the registry still has the layer.",
                zeroIsDefault: true, noChecks),
            .bool("check_always", \.checkAlways, "Check that at every access.", noChecks),
            .int("chunk_size", \.chunkSize, "Bytes of a range request.", zeroIsDefault: true, ranges),
            .int(
                "fetching_timeout_sec", \.fetchingTimeoutSeconds,
                "Seconds that a read waits at most for bytes that the registry does not give.", zeroIsDefault: true),
            .bool(
                "force_single_range_mode", \.forceSingleRangeMode, "Never ask for several ranges in one request.",
                .moot("a request never asks for several ranges")),
            .int("prefetch_chunk_size", \.prefetchChunkSize, "Bytes of a range request while prefetching.", ranges),
            .int("max_retries", \.maxRetries, "How often a failed request is repeated.", zeroIsDefault: true),
            .int(
                "min_wait_msec", \.minWaitMilliseconds, "Milliseconds before a range is asked for again; doubles with each attempt.",
                zeroIsDefault: true),
            .int(
                "max_wait_msec", \.maxWaitMilliseconds,
                "Longest such wait in milliseconds; where a read waits, 5000 whatever is said here.", zeroIsDefault: true),
        ]
    }
}
