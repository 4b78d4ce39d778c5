public import Metrics

extension DaemonConfiguration {
    /// The keys in no table.
    public struct General: Equatable, ConfigurationTable {
        /// `metrics_address`
        public var metricsAddress = ""
        /// The same, understood; nil for nowhere. What a file says was found to be an address when it was read.
        public var metrics: MetricsAddress? { metricsAddress.isEmpty ? nil : try? MetricsAddress(parsing: metricsAddress) }
        /// `no_prometheus`
        public var noPrometheus = false
        /// `debug_address`
        public var debugAddress = ""
        /// `metadata_store`
        public var metadataStore = "memory"
        /// `http_cache_type`
        public var httpCacheType = "disk"
        /// `filesystem_cache_type`
        public var filesystemCacheType = "disk"
        /// `resolve_result_entry_ttl_sec`
        public var resolveResultEntryTTLSeconds = 120
        /// `prefetch_size`
        public var prefetchSize = 0
        /// `prefetch_timeout_sec`
        public var prefetchTimeoutSeconds = 10
        /// `prefetch_async_size`
        public var prefetchAsyncSize = 0
        /// `noprefetch`
        public var noPrefetch = false
        /// `no_background_fetch`
        public var noBackgroundFetch = false
        /// `debug`
        public var debug = false
        /// `allow_no_verification`
        public var allowNoVerification = false
        /// `disable_verification`
        public var disableVerification = false
        /// `max_concurrency`
        public var maxConcurrency = 2
        /// `log_file_access`
        public var logFileAccess = false

        /// The defaults.
        public init() {}

        private static let oneStore = KeyEffect.moot("one store on the disk keeps verified chunks, each once, and compiled TOCs")
        private static let nobodyWaits = KeyEffect.moot("nothing ever waits for a prefetch, only reads for the bytes that they need")

        static let fields: [ConfigurationField<Self>] = [
            .string(
                "metrics_address", \.metricsAddress, "Where metrics are served, as HOST:PORT or a unix socket's path; empty for nowhere."),
            .bool(
                "no_prometheus", \.noPrometheus,
                "Only what is counted of the daemon as a whole: no metrics of single layers and of stargz_fs_operation."),
            .string(
                "debug_address", \.debugAddress, "Unix socket of Go's profiler; empty for none.",
                .moot("this is no Go program; `starling status` tells what goes on")),
            .string("metadata_store", \.metadataStore, "Where parsed TOCs are kept.", oneStore),
            .string("http_cache_type", \.httpCacheType, "Cache of compressed ranges.", oneStore),
            .string("filesystem_cache_type", \.filesystemCacheType, "Cache of uncompressed chunks.", oneStore),
            .int(
                "resolve_result_entry_ttl_sec", \.resolveResultEntryTTLSeconds,
                "Seconds that what was fetched to open a layer waits for the layer to be opened.", zeroIsDefault: true),
            .int(
                "prefetch_size", \.prefetchSize,
                "Bytes at the front of a layer to prefetch where it has no landmark; the label stargz.prefetch says otherwise for a layer."),
            .int("prefetch_timeout_sec", \.prefetchTimeoutSeconds, "Longest wait for a prefetch in seconds.", nobodyWaits),
            .int("prefetch_async_size", \.prefetchAsyncSize, "Prefetches of more bytes are not waited for; 0 for none.", nobodyWaits),
            .bool("noprefetch", \.noPrefetch, "No prefetching."),
            .bool("no_background_fetch", \.noBackgroundFetch, "No fetching of what nobody asked for: layers are not completed."),
            .bool("debug", \.debug, "Trace every request of the kernel to FUSE on standard error."),
            .bool(
                "allow_no_verification", \.allowNoVerification,
                "Mount layers without a TOC digest when their label stargz.skipverify asks for it, their TOC as it comes."),
            .bool(
                "disable_verification", \.disableVerification,
                "Believe the TOCs of all layers as they come. Chunks are verified against them all the same."),
            .int(
                "max_concurrency", \.maxConcurrency,
                "Ranges under way at once to complete layers in the background; small ones, of 2 MiB together, four times as many.",
                zeroIsDefault: true),
            .bool(
                "log_file_access", \.logFileAccess, "Log every open of a file.",
                .moot("the kernel opens files without asking anybody")),
        ]

        mutating func readInner(_ reader: TableReader) throws(ConfigurationError) {
            guard !metricsAddress.isEmpty else { return }
            do {
                _ = try MetricsAddress(parsing: metricsAddress)
            } catch {
                throw reader.failure("metrics_address", error.description)
            }
        }
    }
}
