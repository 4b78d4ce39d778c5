import Testing

@testable import Configuration

@Suite struct DaemonConfigurationTests {
    @Test("an empty file means the defaults")
    func empty() throws {
        #expect(try DaemonConfiguration(parsing: "", path: "c.toml") == DaemonConfiguration())
        #expect(try DaemonConfiguration(parsing: "# nothing\n[blob]\n", path: "c.toml") == DaemonConfiguration())
    }

    @Test("every key of every table is read")
    func everything() throws {
        let configuration = try DaemonConfiguration(parsing: Self.full, path: "c.toml")
        var expected = DaemonConfiguration()
        expected.metricsAddress = "127.0.0.1:8234"
        expected.noPrometheus = true
        expected.debugAddress = "/run/debug.sock"
        expected.metadataStore = "db"
        expected.httpCacheType = "memory"
        expected.filesystemCacheType = "memory"
        expected.resolveResultEntryTTLSeconds = 1
        expected.prefetchSize = 2
        expected.prefetchTimeoutSeconds = 3
        expected.prefetchAsyncSize = 4
        expected.noPrefetch = true
        expected.noBackgroundFetch = true
        expected.debug = true
        expected.allowNoVerification = true
        expected.disableVerification = true
        expected.maxConcurrency = 5
        expected.logFileAccess = true
        expected.blob.validIntervalSeconds = 6
        expected.blob.checkAlways = true
        expected.blob.chunkSize = 7
        expected.blob.fetchingTimeoutSeconds = 8
        expected.blob.forceSingleRangeMode = true
        expected.blob.prefetchChunkSize = 9
        expected.blob.maxRetries = 10
        expected.blob.minWaitMilliseconds = 11
        expected.blob.maxWaitMilliseconds = 12
        expected.directoryCache.maxLRUCacheEntries = 13
        expected.directoryCache.maxCacheDescriptors = 14
        expected.directoryCache.syncAdd = true
        expected.directoryCache.direct = false
        expected.directoryCache.fadviseDontNeed = true
        expected.fuse.attributeTimeoutSeconds = 15
        expected.fuse.entryTimeoutSeconds = 16
        expected.fuse.passthrough = true
        expected.fuse.mergeBufferSize = 17
        expected.fuse.mergeWorkerCount = 18
        expected.fuseManager.isEnabled = true
        expected.fuseManager.address = "/a"
        expected.fuseManager.path = "/b"
        expected.fuseManager.metricsAddress = "/c"
        expected.kubeconfigKeychain.isEnabled = true
        expected.kubeconfigKeychain.path = "/d"
        expected.criKeychain.isEnabled = true
        expected.criKeychain.imageServicePath = "/e"
        expected.criKeychain.listenPath = "/f"
        expected.snapshotter.allowInvalidMountsOnRestart = true
        expected.resolver.requestTimeoutSeconds = 19
        var first = DaemonConfiguration.Mirror(host: "mirror:5000")
        first.isInsecure = true
        first.requestTimeoutSeconds = -1
        first.headers = ["X-One": ["1"], "X-Two": ["2", "3"]]
        expected.resolver.mirrors = ["docker.io": [first, DaemonConfiguration.Mirror(host: "other")]]
        expected.ineffectiveKeys = DaemonConfiguration.mootKeys.sorted()
        #expect(Set(configuration.unsupportedKeys).isDisjoint(with: DaemonConfiguration.effectiveKeys.union(DaemonConfiguration.mootKeys)))
        #expect(configuration.unsupportedKeys.contains("resolver.request_timeout_sec"))
        expected.unsupportedKeys = configuration.unsupportedKeys
        #expect(configuration == expected)
    }

    @Test(
        "an unknown key is an error that names key and line",
        arguments: [
            ("prefetch_sized = 1", "c.toml:1: unknown key prefetch_sized"),
            ("\n[blob]\n  chunk_size = 1\n  chunks = 2\n", "c.toml:4: unknown key blob.chunks"),
            ("[blobs]\nx = 1", "c.toml:1: unknown key blobs"),
            ("[resolver.host.\"docker.io\"]\nmirror = []", "c.toml:2: unknown key resolver.host.\"docker.io\".mirror"),
            (
                "[[resolver.host.\"docker.io\".mirrors]]\nhost = \"a\"\nhots = 1",
                "c.toml:3: unknown key resolver.host.\"docker.io\".mirrors.hots"
            ),
            ("fuse = { entry = 1 }", "c.toml: unknown key fuse.entry"),
        ])
    func unknown(text: String, message: String) {
        #expect(failure(text) == message)
    }

    @Test(
        "a value of the wrong type is an error that says what is expected",
        arguments: [
            ("debug = 1", "c.toml:1: debug must be true or false"),
            ("max_concurrency = \"2\"", "c.toml:1: max_concurrency must be a whole number"),
            ("prefetch_size = 1.5", "c.toml:1: prefetch_size must be a whole number"),
            ("\nmetrics_address = 1", "c.toml:2: metrics_address must be a text in quotes"),
            ("blob = 1", "c.toml:1: blob must be a table"),
            ("[resolver.host.a]\nmirrors = 1", "c.toml:2: resolver.host.a.mirrors must be a list of tables"),
            ("[resolver.host.a]\nmirrors = [1]", "c.toml:2: resolver.host.a.mirrors must be a list of tables"),
            ("[[resolver.host.a.mirrors]]\ninsecure = true", "c.toml: resolver.host.a.mirrors.host is missing"),
            (
                "[[resolver.host.a.mirrors]]\nhost = \"m\"\nheader = { X = 1 }",
                "c.toml: resolver.host.a.mirrors.header.X must be a text or a list of texts"
            ),
        ])
    func wrongType(text: String, message: String) {
        #expect(failure(text) == message)
    }

    @Test("text that is not TOML is an error with its line")
    func malformed() {
        #expect(failure("debug = true\nno prometheus\n")?.hasPrefix("c.toml:2: ") == true)
    }

    @Test("our own table is read, and what it cannot mean is refused")
    func own() throws {
        let text = "[starling]\nmode = \"fuse\"\ncache_max_bytes = 5\nbandwidth_limit_bytes = 1000000\n"
        let own = try DaemonConfiguration(parsing: text, path: "c.toml").starling
        #expect(own.mode == "fuse" && own.cacheMaxBytes == 5 && own.bandwidthLimitBytes == 1_000_000)
        for wrong in ["bandwidth_limit_bytes = -1", "cache_max_bytes = -1", "mode = \"fast\""] {
            #expect(failure("[starling]\n\(wrong)\n")?.hasPrefix("c.toml:2: ") == true)
        }
    }

    @Test("only the keys of the file that have no effect are listed")
    func ineffective() throws {
        let text = "debug = true\nmetadata_store = \"db\"\n[fuse]\nattr_timeout = 3\npassthrough = true\n"
        #expect(try DaemonConfiguration(parsing: text, path: "c.toml").ineffectiveKeys == ["fuse.attr_timeout", "metadata_store"])
        let more = try DaemonConfiguration(parsing: text + "[blob]\nmax_retries = 1\n", path: "c.toml")
        #expect(more.unsupportedKeys == ["debug", "fuse.passthrough"])
    }

    private func failure(_ text: String) -> String? {
        do {
            _ = try DaemonConfiguration(parsing: text, path: "c.toml")
            return nil
        } catch {
            return error.description
        }
    }

    static let full = """
        metrics_address = "127.0.0.1:8234"
        no_prometheus = true
        debug_address = "/run/debug.sock"
        metadata_store = "db"
        http_cache_type = "memory"
        filesystem_cache_type = "memory"
        resolve_result_entry_ttl_sec = 1
        prefetch_size = 2
        prefetch_timeout_sec = 3
        prefetch_async_size = 4
        noprefetch = true
        no_background_fetch = true
        debug = true
        allow_no_verification = true
        disable_verification = true
        max_concurrency = 5
        log_file_access = true
        [blob]
        valid_interval = 6
        check_always = true
        chunk_size = 7
        fetching_timeout_sec = 8
        force_single_range_mode = true
        prefetch_chunk_size = 9
        max_retries = 10
        min_wait_msec = 11
        max_wait_msec = 12
        [directory_cache]
        max_lru_cache_entry = 13
        max_cache_fds = 14
        sync_add = true
        direct = false
        fadv_dontneed = true
        [fuse]
        attr_timeout = 15
        entry_timeout = 16
        passthrough = true
        merge_buffer_size = 17
        merge_worker_count = 18
        [fuse_manager]
        enable = true
        address = "/a"
        path = "/b"
        metrics_address = "/c"
        [kubeconfig_keychain]
        enable_keychain = true
        kubeconfig_path = "/d"
        [cri_keychain]
        enable_keychain = true
        image_service_path = "/e"
        listen_path = "/f"
        [snapshotter]
        allow_invalid_mounts_on_restart = true
        [resolver]
        request_timeout_sec = 19
        [[resolver.host."docker.io".mirrors]]
        host = "mirror:5000"
        insecure = true
        request_timeout_sec = -1
        [resolver.host."docker.io".mirrors.header]
        X-One = "1"
        X-Two = ["2", "3"]
        [[resolver.host."docker.io".mirrors]]
        host = "other"
        """
}
