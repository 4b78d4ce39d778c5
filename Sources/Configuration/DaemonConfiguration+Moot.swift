extension DaemonConfiguration {
    /// Keys whose subject this design does not have (design.md 4 to 7): one store keeps verified chunks only, the kernel keeps what is
    /// immutable, ranges follow the chunk map, start-up never fails because of one layer.
    static let mootKeys: Set<String> = [
        "metadata_store", "http_cache_type", "filesystem_cache_type",
        "blob.chunk_size", "blob.force_single_range_mode", "blob.prefetch_chunk_size", "blob.valid_interval", "blob.check_always",
        "directory_cache.max_lru_cache_entry", "directory_cache.max_cache_fds", "directory_cache.sync_add", "directory_cache.direct",
        "directory_cache.fadv_dontneed",
        "fuse.attr_timeout", "fuse.entry_timeout", "fuse.merge_buffer_size", "fuse.merge_worker_count",
        "fuse_manager.enable", "fuse_manager.address", "fuse_manager.path", "fuse_manager.metrics_address",
        "snapshotter.allow_invalid_mounts_on_restart",
    ]

    /// Keys that the daemon acts on. What is in neither list will be, and until then the daemon says that it is not.
    static let effectiveKeys: Set<String> = [
        "noprefetch", "no_background_fetch", "max_concurrency", "resolve_result_entry_ttl_sec",
        "blob.fetching_timeout_sec", "blob.max_retries", "blob.min_wait_msec", "blob.max_wait_msec",
        "starling.mode", "starling.cache_max_bytes", "starling.bandwidth_limit_bytes",
    ]
}
