// One struct per table of the file. Names and defaults are stargz-snapshotter's; what each key means is said once, in its field. This file has
// the tables that tune the peer's way of keeping and showing files, which is not ours.

extension DaemonConfiguration {
    /// `[directory_cache]`: the peer's cache of files.
    public struct DirectoryCache: Equatable, ConfigurationTable {
        /// `max_lru_cache_entry`
        public var maxLRUCacheEntries = 10
        /// `max_cache_fds`
        public var maxCacheDescriptors = 10
        /// `sync_add`
        public var syncAdd = false
        /// `direct`
        public var direct = true
        /// `fadv_dontneed`
        public var fadviseDontNeed = false

        /// The defaults.
        public init() {}

        private static let oneStore = KeyEffect.moot("verified chunks are written once, to the one store, and the kernel caches them")

        static let fields: [ConfigurationField<Self>] = [
            .int("max_lru_cache_entry", \.maxLRUCacheEntries, "Chunks that are kept in memory.", oneStore),
            .int("max_cache_fds", \.maxCacheDescriptors, "Files of the cache that are kept open.", oneStore),
            .bool("sync_add", \.syncAdd, "Write a chunk before it is served.", oneStore),
            .bool("direct", \.direct, "Bypass the cache in memory.", oneStore),
            .bool("fadv_dontneed", \.fadviseDontNeed, "Tell the kernel to forget written pages.", oneStore),
        ]
    }

    /// `[fuse]`: the file system.
    public struct FUSE: Equatable, ConfigurationTable {
        /// `attr_timeout`
        public var attributeTimeoutSeconds = 1
        /// `entry_timeout`
        public var entryTimeoutSeconds = 1
        /// `passthrough`
        public var passthrough = false
        /// `merge_buffer_size`
        public var mergeBufferSize = 419_430_400
        /// `merge_worker_count`
        public var mergeWorkerCount = 10

        /// The defaults.
        public init() {}

        private static let immutable = KeyEffect.moot("trees are immutable, so the kernel keeps names and attributes without limit of time")
        private static let withoutUs = KeyEffect.moot("the kernel reads complete layers from the store without asking anybody")

        static let fields: [ConfigurationField<Self>] = [
            .int("attr_timeout", \.attributeTimeoutSeconds, "Seconds that the kernel keeps attributes.", immutable),
            .int("entry_timeout", \.entryTimeoutSeconds, "Seconds that the kernel keeps names.", immutable),
            .bool("passthrough", \.passthrough, "Let the kernel read complete files by itself.", withoutUs),
            .int("merge_buffer_size", \.mergeBufferSize, "Bytes that joining chunks for passthrough may take.", withoutUs),
            .int("merge_worker_count", \.mergeWorkerCount, "Threads that join chunks for passthrough.", withoutUs),
        ]
    }

    /// `[fuse_manager]`: the peer's separate process for mounts.
    public struct FUSEManager: Equatable, ConfigurationTable {
        /// `enable`
        public var isEnabled = false
        /// `address`
        public var address = "/run/containerd-stargz-grpc/fuse-manager.sock"
        /// `path`
        public var path = ""
        /// `metrics_address`
        public var metricsAddress = ""

        /// The defaults.
        public init() {}

        private static let keeper = KeyEffect.moot("mounts always outlive the daemon: a small keeper process holds them")

        static let fields: [ConfigurationField<Self>] = [
            .bool("enable", \.isEnabled, "Mount in a process of its own.", keeper),
            .string("address", \.address, "Socket of that process.", keeper),
            .string("path", \.path, "Its program; empty to search PATH.", keeper),
            .string("metrics_address", \.metricsAddress, "Where it serves metrics.", keeper),
        ]
    }

    /// `[snapshotter]`
    public struct Snapshotter: Equatable, ConfigurationTable {
        /// `allow_invalid_mounts_on_restart`
        public var allowInvalidMountsOnRestart = false

        /// The defaults.
        public init() {}

        static let fields: [ConfigurationField<Self>] = [
            .bool(
                "allow_invalid_mounts_on_restart", \.allowInvalidMountsOnRestart, "Start although a layer cannot be mounted again.",
                .moot("no layer keeps the daemon from starting; one that cannot be mounted is tried again when it is needed"))
        ]
    }
}
