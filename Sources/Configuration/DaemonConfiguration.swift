/// The daemon's configuration file: the keys of stargz-snapshotter's config.toml with its defaults, so that an installed file works.
///
/// Reading is strict: an unknown key, or a value of the wrong type, is an error that names key and line. Keys that mean nothing to this
/// design are accepted and listed in `ineffectiveKeys`, for the daemon to say so. This room reads text and decides nothing else.
///
///     text ──TOMLKit──▶ TableReader (one per table) ──▶ one struct per table
public struct DaemonConfiguration: Equatable, Sendable {
    /// `metrics_address`: where metrics are served; empty for nowhere.
    public var metricsAddress = ""
    /// `no_prometheus`: no metrics at all.
    public var noPrometheus = false
    /// `debug_address`: unix socket for diagnostics; empty for none.
    public var debugAddress = ""
    /// `metadata_store`: where parsed TOCs are kept.
    public var metadataStore = "memory"
    /// `http_cache_type`: cache of compressed ranges.
    public var httpCacheType = "disk"
    /// `filesystem_cache_type`: cache of uncompressed chunks.
    public var filesystemCacheType = "disk"
    /// `resolve_result_entry_ttl_sec`: how long what was fetched to open a layer waits for the layer to be opened, in seconds.
    public var resolveResultEntryTTLSeconds = 120
    /// `prefetch_size`: bytes to prefetch of layers without a landmark.
    public var prefetchSize = 0
    /// `prefetch_timeout_sec`: longest wait for a prefetch, in seconds.
    public var prefetchTimeoutSeconds = 10
    /// `prefetch_async_size`: prefetches above this many bytes are not waited for; 0 waits for all.
    public var prefetchAsyncSize = 0
    /// `noprefetch`: no prefetching.
    public var noPrefetch = false
    /// `no_background_fetch`: no fetching of what nobody asked for.
    public var noBackgroundFetch = false
    /// `debug`: FUSE tracing.
    public var debug = false
    /// `allow_no_verification`: layers without TOC digest are mounted all the same when their label says so.
    public var allowNoVerification = false
    /// `disable_verification`: chunks are never verified.
    public var disableVerification = false
    /// `max_concurrency`: background fetches at once.
    public var maxConcurrency = 2
    /// `log_file_access`: log every open of a file.
    public var logFileAccess = false
    /// `[blob]`
    public var blob = Blob()
    /// `[directory_cache]`
    public var directoryCache = DirectoryCache()
    /// `[fuse]`
    public var fuse = FUSE()
    /// `[fuse_manager]`
    public var fuseManager = FUSEManager()
    /// `[kubeconfig_keychain]`
    public var kubeconfigKeychain = KubeconfigKeychain()
    /// `[cri_keychain]`
    public var criKeychain = CRIKeychain()
    /// `[resolver]`
    public var resolver = Resolver()
    /// `[snapshotter]`
    public var snapshotter = Snapshotter()
    /// `[starling]`: what stargz-snapshotter does not have.
    public var starling = Starling()
    /// Keys of the file that have no effect here, with their tables, in the order of the alphabet.
    public internal(set) var ineffectiveKeys: [String] = []

    /// Keys of the file that this version does not act on yet, in the order of the alphabet.
    public internal(set) var unsupportedKeys: [String] = []

    /// The defaults: what an empty file means.
    public init() {}

    /// Reads a file's text.
    ///
    /// - Parameter path: of the file, for messages.
    public init(parsing text: String, path: String) throws(ConfigurationError) {
        let reader = try TableReader(parsing: text, path: path)
        try readScalars(reader)
        try reader.readTable("blob") { table throws(ConfigurationError) in try blob.read(table) }
        try reader.readTable("directory_cache") { table throws(ConfigurationError) in try directoryCache.read(table) }
        try reader.readTable("fuse") { table throws(ConfigurationError) in try fuse.read(table) }
        try reader.readTable("fuse_manager") { table throws(ConfigurationError) in try fuseManager.read(table) }
        try reader.readTable("kubeconfig_keychain") { table throws(ConfigurationError) in try kubeconfigKeychain.read(table) }
        try reader.readTable("cri_keychain") { table throws(ConfigurationError) in try criKeychain.read(table) }
        try reader.readTable("resolver") { table throws(ConfigurationError) in try resolver.read(table) }
        try reader.readTable("snapshotter") { table throws(ConfigurationError) in try snapshotter.read(table) }
        try reader.readTable("starling") { table throws(ConfigurationError) in try starling.read(table) }
        try reader.finish()
        ineffectiveKeys = reader.source.seenKeys.intersection(Self.mootKeys).sorted()
        unsupportedKeys = reader.source.seenKeys.subtracting(Self.mootKeys).subtracting(Self.effectiveKeys).sorted()
    }

    private mutating func readScalars(_ reader: TableReader) throws(ConfigurationError) {
        try reader.read("metrics_address", into: &metricsAddress)
        try reader.read("no_prometheus", into: &noPrometheus)
        try reader.read("debug_address", into: &debugAddress)
        try reader.read("metadata_store", into: &metadataStore)
        try reader.read("http_cache_type", into: &httpCacheType)
        try reader.read("filesystem_cache_type", into: &filesystemCacheType)
        try reader.read("resolve_result_entry_ttl_sec", into: &resolveResultEntryTTLSeconds)
        try reader.read("prefetch_size", into: &prefetchSize)
        try reader.read("prefetch_timeout_sec", into: &prefetchTimeoutSeconds)
        try reader.read("prefetch_async_size", into: &prefetchAsyncSize)
        try reader.read("noprefetch", into: &noPrefetch)
        try reader.read("no_background_fetch", into: &noBackgroundFetch)
        try reader.read("debug", into: &debug)
        try reader.read("allow_no_verification", into: &allowNoVerification)
        try reader.read("disable_verification", into: &disableVerification)
        try reader.read("max_concurrency", into: &maxConcurrency)
        try reader.read("log_file_access", into: &logFileAccess)
    }
}
