// One struct per table of the file. Defaults are stargz-snapshotter's.

extension DaemonConfiguration {
    /// `[blob]`: how ranges of a layer are fetched.
    public struct Blob: Equatable, Sendable {
        /// `valid_interval`: seconds between checks that the registry still has the layer.
        public var validIntervalSeconds = 60
        /// `check_always`: check on every access.
        public var checkAlways = false
        /// `chunk_size`: bytes of a range request.
        public var chunkSize = 50_000
        /// `fetching_timeout_sec`: longest time for one fetch, in seconds.
        public var fetchingTimeoutSeconds = 300
        /// `force_single_range_mode`: never ask for several ranges at once.
        public var forceSingleRangeMode = false
        /// `prefetch_chunk_size`: bytes of a range request while prefetching.
        public var prefetchChunkSize = 0
        /// `max_retries`: attempts after the first.
        public var maxRetries = 5
        /// `min_wait_msec`: shortest wait before a retry, in milliseconds.
        public var minWaitMilliseconds = 30
        /// `max_wait_msec`: longest wait before a retry, in milliseconds.
        public var maxWaitMilliseconds = 300_000

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("valid_interval", into: &validIntervalSeconds)
            try table.read("check_always", into: &checkAlways)
            try table.read("chunk_size", into: &chunkSize)
            try table.read("fetching_timeout_sec", into: &fetchingTimeoutSeconds)
            try table.read("force_single_range_mode", into: &forceSingleRangeMode)
            try table.read("prefetch_chunk_size", into: &prefetchChunkSize)
            try table.read("max_retries", into: &maxRetries)
            try table.read("min_wait_msec", into: &minWaitMilliseconds)
            try table.read("max_wait_msec", into: &maxWaitMilliseconds)
        }
    }

    /// `[directory_cache]`: the peer's cache of files.
    public struct DirectoryCache: Equatable, Sendable {
        /// `max_lru_cache_entry`: chunks kept in memory.
        public var maxLRUCacheEntries = 10
        /// `max_cache_fds`: files kept open.
        public var maxCacheDescriptors = 10
        /// `sync_add`: write before answering.
        public var syncAdd = false
        /// `direct`: bypass the memory cache.
        public var direct = true
        /// `fadv_dontneed`: tell the kernel to forget written pages.
        public var fadviseDontNeed = false

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("max_lru_cache_entry", into: &maxLRUCacheEntries)
            try table.read("max_cache_fds", into: &maxCacheDescriptors)
            try table.read("sync_add", into: &syncAdd)
            try table.read("direct", into: &direct)
            try table.read("fadv_dontneed", into: &fadviseDontNeed)
        }
    }

    /// `[fuse]`: the file system.
    public struct FUSE: Equatable, Sendable {
        /// `attr_timeout`: seconds that the kernel keeps attributes.
        public var attributeTimeoutSeconds = 1
        /// `entry_timeout`: seconds that the kernel keeps names.
        public var entryTimeoutSeconds = 1
        /// `passthrough`: let the kernel read complete files itself.
        public var passthrough = false
        /// `merge_buffer_size`: bytes that joining chunks for passthrough may take.
        public var mergeBufferSize = 419_430_400
        /// `merge_worker_count`: threads that join chunks.
        public var mergeWorkerCount = 10

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("attr_timeout", into: &attributeTimeoutSeconds)
            try table.read("entry_timeout", into: &entryTimeoutSeconds)
            try table.read("passthrough", into: &passthrough)
            try table.read("merge_buffer_size", into: &mergeBufferSize)
            try table.read("merge_worker_count", into: &mergeWorkerCount)
        }
    }

    /// `[fuse_manager]`: the peer's separate process for mounts.
    public struct FUSEManager: Equatable, Sendable {
        /// `enable`
        public var isEnabled = false
        /// `address`: its socket.
        public var address = "/run/containerd-stargz-grpc/fuse-manager.sock"
        /// `path`: its program; empty to search PATH.
        public var path = ""
        /// `metrics_address`: where it serves metrics.
        public var metricsAddress = ""

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("enable", into: &isEnabled)
            try table.read("address", into: &address)
            try table.read("path", into: &path)
            try table.read("metrics_address", into: &metricsAddress)
        }
    }

    /// `[kubeconfig_keychain]`: credentials from Kubernetes secrets.
    public struct KubeconfigKeychain: Equatable, Sendable {
        /// `enable_keychain`
        public var isEnabled = false
        /// `kubeconfig_path`: empty for the usual places.
        public var path = ""

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("enable_keychain", into: &isEnabled)
            try table.read("kubeconfig_path", into: &path)
        }
    }

    /// `[cri_keychain]`: credentials from PullImage calls that pass through the daemon.
    public struct CRIKeychain: Equatable, Sendable {
        /// `enable_keychain`
        public var isEnabled = false
        /// `image_service_path`: socket of the real image service.
        public var imageServicePath = "/run/containerd/containerd.sock"
        /// `listen_path`: own socket; empty for the daemon's.
        public var listenPath = ""

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("enable_keychain", into: &isEnabled)
            try table.read("image_service_path", into: &imageServicePath)
            try table.read("listen_path", into: &listenPath)
        }
    }

    /// `[snapshotter]`
    public struct Snapshotter: Equatable, Sendable {
        /// `allow_invalid_mounts_on_restart`: start although a layer cannot be mounted again.
        public var allowInvalidMountsOnRestart = false

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("allow_invalid_mounts_on_restart", into: &allowInvalidMountsOnRestart)
        }
    }

    /// `[starling]`: what only this implementation has.
    public struct Starling: Equatable, Sendable {
        /// `mode`: how containers see lazy layers: `auto`, `native` (the kernel mounts trees) or `fuse`.
        public var mode = "auto"
        /// `cache_max_bytes`: bytes of the disk that the store may take; more only while all of it is in use. 0 for no bound.
        public var cacheMaxBytes = 0
        /// `bandwidth_limit_bytes`: bytes per second that are fetched at most of what nobody waits for. 0 for no limit.
        public var bandwidthLimitBytes = 0

        /// The defaults.
        public init() {}

        mutating func read(_ table: TableReader) throws(ConfigurationError) {
            try table.read("mode", into: &mode)
            try table.read("cache_max_bytes", into: &cacheMaxBytes)
            try table.read("bandwidth_limit_bytes", into: &bandwidthLimitBytes)
            guard bandwidthLimitBytes >= 0 else { throw table.failure("bandwidth_limit_bytes", "must not be negative") }
            guard cacheMaxBytes >= 0 else { throw table.failure("cache_max_bytes", "must not be negative") }
            guard ["auto", "native", "fuse"].contains(mode) else { throw table.failure("mode", "must be \"auto\", \"native\" or \"fuse\"") }
        }
    }
}
