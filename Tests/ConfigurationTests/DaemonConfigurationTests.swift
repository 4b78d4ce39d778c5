import HostSystem
import Registry
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
        expected.general.metricsAddress = "127.0.0.1:8234"
        expected.general.noPrometheus = true
        expected.general.debugAddress = "/run/debug.sock"
        expected.general.metadataStore = "db"
        expected.general.httpCacheType = "memory"
        expected.general.filesystemCacheType = "memory"
        expected.general.resolveResultEntryTTLSeconds = 1
        expected.general.prefetchSize = 2
        expected.general.prefetchTimeoutSeconds = 3
        expected.general.prefetchAsyncSize = 4
        expected.general.noPrefetch = true
        expected.general.noBackgroundFetch = true
        expected.general.debug = true
        expected.general.allowNoVerification = true
        expected.general.disableVerification = true
        expected.general.maxConcurrency = 5
        expected.general.logFileAccess = true
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
        // Mirrors have a test of their own.
        expected.resolver.mirrors = configuration.resolver.mirrors
        expected.ineffectiveKeys = configuration.ineffectiveKeys
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

    @Test("only the keys of the file that have no effect are listed, with line and reason")
    func ineffective() throws {
        let text = "debug = true\nmetadata_store = \"db\"\n[fuse]\nattr_timeout = 3\n[blob]\nmax_retries = 1\n"
        let keys = try DaemonConfiguration(parsing: text, path: "c.toml").ineffectiveKeys
        #expect(keys.map(\.key) == ["fuse.attr_timeout", "metadata_store"])
        #expect(keys.map(\.line) == [4, 2])
        #expect(keys.allSatisfy { !$0.reason.isEmpty && !$0.reason.hasSuffix(".") })
    }

    @Test("the default file names every key, is accepted without a remark, and means the defaults")
    func defaultFile() throws {
        let file = DaemonConfiguration.defaultFile
        #expect(try DaemonConfiguration(parsing: file, path: "c.toml") == DaemonConfiguration())
        // What is a comment there because it has no effect is no less the default.
        let whole = file.split(separator: "\n").map { line in
            line.firstMatch(of: #/^#[a-z_]+ = /#) != nil && !line.contains("mirror") ? line.dropFirst() : line
        }.joined(separator: "\n")
        let uncommented = whole.replacing("#[[resolver", with: "[[resolver").replacing("#host = \"mirror", with: "host = \"mirror")
        var read = try DaemonConfiguration(parsing: uncommented, path: "c.toml")
        #expect(read.resolver.mirrors["docker.io"]?.count == 1)
        read.resolver.mirrors = [:]
        #expect(!read.ineffectiveKeys.isEmpty)
        read.ineffectiveKeys = []
        #expect(read == DaemonConfiguration())
        for line in Self.full.split(separator: "\n") {
            guard let key = line.split(separator: "=").first?.filter({ $0 != " " }), line.contains("="), !key.hasPrefix("X-") else {
                continue
            }
            #expect(file.contains("\(key) = "), "\(key)")
        }
    }

    @Test("the reference in docs is what the program prints")
    func reference() throws {
        let package = Paths.parent(of: Paths.parent(of: Paths.parent(of: #filePath)))
        let page = try Files.read(package + "/docs/configuration-reference.md", limit: 1 << 20)
        let isSame = String(decoding: page, as: UTF8.self) == DaemonConfiguration.reference
        #expect(isSame, "docs/configuration-reference.md is not what `starlingd config reference` prints: `make reference`")
    }

    @Test("0 means the default where stargz-snapshotter takes it so")
    func zeros() throws {
        let text = """
            max_concurrency = 0
            resolve_result_entry_ttl_sec = 0
            [blob]
            fetching_timeout_sec = 0
            max_retries = 0
            min_wait_msec = 0
            max_wait_msec = 0
            [resolver]
            request_timeout_sec = 0
            """
        #expect(try DaemonConfiguration(parsing: text, path: "c.toml") == DaemonConfiguration())
        #expect(failure("prefetch_size = -1") == "c.toml:1: prefetch_size must not be negative")
    }

    @Test("mirrors are asked in the order of the file and before those of hosts.toml, each in its own way")
    func mirrors() throws {
        let resolver = try DaemonConfiguration(parsing: Self.full, path: "c.toml").resolver
        var toml = RegistryHosts(server: RegistryHost(registry: "docker.io"))
        toml.mirrors = [try #require(RegistryHost(url: "https://third"))]
        let hosts = try #require(resolver.hosts(of: "docker.io", before: toml))
        #expect(hosts.mirrors.map(\.authority) == ["mirror:5000", "other", "third"])
        #expect(hosts.mirrors.map(\.scheme) == [.http, nil, .https])
        #expect(hosts.mirrors[0].headers == ["X-One": "1", "X-Two": "2, 3"])
        #expect(hosts.mirrors[0].capabilities == [.pull, .resolve])
        #expect(hosts.server == toml.server)
        // No limit, the resolver's own, what hosts.toml leaves to the client.
        #expect(try #require(hosts.mirrors[0].connection.silence) > .seconds(1_000_000))
        #expect(hosts.mirrors[1].connection.silence == nil && resolver.silence == .seconds(19))
        #expect(resolver.hosts(of: "quay.io", before: nil) == nil)
        #expect(resolver.hosts(of: "quay.io", before: toml) == toml)
        let text = "[[resolver.host.a.mirrors]]\nhost = \"http://m\"\n"
        #expect(failure(text) == "c.toml:2: resolver.host.a.mirrors.host must be a host without a scheme, such as mirror.example.org:5000")
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
