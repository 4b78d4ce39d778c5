import Glibc
import HostSystem
import TestSupport
import Testing

/// What Prometheus reads of a daemon at work, taken apart by Prometheus' own parser.
@Suite("metrics of starlingd", .serialized)
struct MetricsTests {
    private let fixture: SystemFixture
    private let python: String

    init() throws {
        fixture = try SystemFixture.shared()
        python = "/usr/bin/python3"
        guard Files.exists("/usr/lib/python3/dist-packages/prometheus_client") else {
            throw TestFailure("this test needs apt-get install python3-prometheus-client, or run make test, which does it")
        }
    }

    /// One sample a line: its name, its labels in the order of the alphabet, its value. Fails on what is not the format, on a sample that is there
    /// twice, on a family that is, and on classes of a histogram that do not grow.
    private static let parser = """
        import sys
        from prometheus_client.parser import text_string_to_metric_families
        text = sys.stdin.read()
        assert text.endswith("\\n") and not any(line != line.strip() for line in text.splitlines())
        # The parser gives names of counters the ending that OpenMetrics wants.
        written = {line.split("{")[0].split(" ")[0] for line in text.splitlines()}
        seen, families, last = set(), set(), {}
        for family in text_string_to_metric_families(text):
            assert family.name not in families and family.type != "unknown" and family.documentation, family
            families.add(family.name)
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                assert (sample.name, labels) not in seen, sample
                seen.add((sample.name, labels))
                if sample.name.endswith("_bucket"):
                    group = (sample.name, tuple(pair for pair in labels if pair[0] != "le"))
                    bound, count = float(sample.labels["le"]), sample.value
                    assert group not in last or last[group][0] < bound and last[group][1] <= count, sample
                    last[group] = (bound, count)
                name = sample.name if sample.name in written else sample.name[:-len("_total")]
                assert name in written, sample
                print(name, ",".join(f"{name}={value}" for name, value in labels) or "-", sample.value, sep="\\t")
        for (name, group), (bound, count) in last.items():
            assert bound == float("inf"), name
            assert ("%s_count" % name[:-7], group) in seen and ("%s_sum" % name[:-7], group) in seen, name
        """

    private struct Sample: Hashable {
        let name: String
        let labels: String
    }

    private func scrape(_ port: UInt16) throws -> [Sample: Double] {
        let answer = try WebClient.get("/metrics", port: port)
        #expect(answer.status == 200)
        let directory = try TemporaryDirectory()
        try AtomicFile.write(Array(answer.body.utf8), to: directory.path + "/metrics")
        let result = try run("sh", ["-c", "exec \(python) -c \"$0\" < \(directory.path)/metrics", Self.parser])
        var samples: [Sample: Double] = [:]
        for line in result.outputText.split(separator: "\n") {
            let words = line.split(separator: "\t").map(String.init)
            samples[Sample(name: words[0], labels: words[1])] = Double(words[2])
        }
        return samples
    }

    private func sum(_ samples: [Sample: Double], _ name: String, _ label: String = "") -> Double {
        samples.reduce(0) { $0 + ($1.key.name == name && $1.key.labels.contains(label) ? $1.value : 0) }
    }

    @Test(
        "a strict parser reads what is scraped while a container runs; it tells of the layer, and nothing of it once the image is gone",
        arguments: ["native", "fuse"])
    func scraped(mode: String) throws {
        let port = try Loopback.freePort()
        let daemon = try StarlingDaemon(
            configuration: "metrics_address = \"127.0.0.1:\(port)\"\nno_background_fetch = true\nnoprefetch = true\n", mode: mode)
        let containerd = try ContainerdServer(snapshotter: daemon.socket)
        try waitUntil("metrics are served") { Loopback.accepts(port: port) }
        #expect(try WebClient.get("/healthz", port: port).status == 200)
        #expect(try scrape(port).keys.allSatisfy { !$0.name.hasPrefix("stargz_") })
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", fixture.lazy])
        let container = try RunningProgram(
            "ctr",
            ["--address", containerd.socket, "run", "--rm", "--snapshotter", "stargz", fixture.lazy, "t1", "sh", "-c"]
                + ["cat /usr/lib/python3*/*.py /usr/bin/* | cksum; ls -R / | wc -l"])
        var last: [Sample: Double] = [:]
        var scrapes = 0
        try waitUntil("the container has ended", deadline: .seconds(120)) {
            let now = try scrape(port)
            // Whatever only grows only grows.
            for (sample, value) in last where sample.name.hasSuffix("_total") || sample.name.hasSuffix("_bucket") {
                #expect(now[sample, default: 0] >= value, "\(sample)")
            }
            (last, scrapes) = (now, scrapes + 1)
            return container.hasEnded
        }
        #expect(try container.wait() == 0 && scrapes > 1, "\(container.error)")
        let now = try scrape(port)
        let layer = try #require(now.keys.first { $0.name == "stargz_fs_layer_size_bytes" }?.labels)
        let digest = try #require(layer.split(separator: ",").first?.dropFirst("digest=".count))
        #expect(layer.hasSuffix("mountpoint=\(daemon.root)/lazy/1"))
        for type in ["mount", "remote_registry_get", "stargz_footer_get", "stargz_toc_get", "stargz_toc_json_deserialize"] {
            let name = "stargz_fs_operation_duration_milliseconds_count"
            #expect(sum(now, name, "layer=\(digest),operation_type=\(type)") > 0, "\(type)")
        }
        #expect(sum(now, "stargz_fs_operation_duration_milliseconds_count", "operation_type=all_prefetches_completed") > 0)
        let reads = sum(now, "stargz_fs_operation_duration_microseconds_count", "operation_type=read_on_demand")
        #expect(reads > 10)
        #expect(sum(now, "stargz_fs_operation_count", "on_demand_read_access_count") == reads)
        let misses = sum(now, "stargz_fs_operation_count", "on_demand_remote_registry_fetch_count")
        #expect(misses > 0 && misses == sum(now, "starling_demand_wait_seconds_count"))
        #expect(sum(now, "stargz_fs_bytes_served", "on_demand_bytes_served") > 10_000_000)
        let fetched = sum(now, "stargz_fs_layer_fetched_size_bytes")
        #expect(fetched > 1_000_000 && fetched == sum(now, "starling_fetch_bytes_total"))
        #expect(sum(now, "stargz_fs_layer_size_bytes") == Double(try fixture.layerSize("lazy")))
        #expect(sum(now, "starling_cache_bytes") > 1_000_000)
        #expect(sum(now, "starling_fetch_requests_total") > 1)
        #expect(sum(now, "starling_fuse_requests_total", "kind=read") >= reads)
        #expect(sum(now, "starling_layers", "complete=false") == 1)
        if mode == "fuse" {
            #expect(sum(now, "stargz_fs_operation_duration_microseconds_count", "operation_type=node_readdir") > 10)
        }
        try containerd.ctr(["image", "rm", "--sync", fixture.lazy])
        try waitUntil("the layer's series are gone") { try scrape(port).keys.allSatisfy { !$0.labels.contains(digest) } }
        let after = try scrape(port)
        #expect(after.keys.allSatisfy { !$0.name.hasPrefix("stargz_fs_layer") })
        #expect(sum(after, "starling_fetch_bytes_total") >= fetched && sum(after, "starling_layers") == 0)
        // Some lines for a pull, a mount and an end, and none for thousands of reads.
        #expect(daemon.log.split(separator: "\n").count < 15, "\(daemon.log)")
        #expect(daemon.log.contains("remote-snapshot-prepared=true"), "\(daemon.log)")
    }

    @Test("no_prometheus leaves what is counted of the daemon as a whole, and why layers are not lazy")
    func notDetailed() throws {
        let port = try Loopback.freePort()
        let daemon = try StarlingDaemon(
            configuration: "metrics_address = \"127.0.0.1:\(port)\"\nno_prometheus = true\n", own: "lazy = \"never\"")
        let containerd = try ContainerdServer(snapshotter: daemon.socket)
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", fixture.lazy], deadline: .seconds(300))
        let samples = try scrape(port)
        #expect(samples.keys.allSatisfy { !$0.name.hasPrefix("stargz_") })
        #expect(samples[Sample(name: "starling_layers_not_lazy_total", labels: "reason=switched-off")] == 1)
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "starling_build_info"] {
            #expect(sum(samples, name) > 0, "\(name)")
        }
    }

    @Test("metrics are served on a unix socket as well, which is gone after the end; health tells of a mount that somebody took away")
    func unixSocket() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/metrics.sock"
        let daemon = try StarlingDaemon(configuration: "metrics_address = \"\(path)\"\n")
        try waitUntil("metrics are served") { Files.exists(path) }
        #expect(try WebClient.get("/metrics", socket: path).body.contains("starling_build_info"))
        #expect(try WebClient.get("/healthz", socket: path).body == "ok\n")
        try run("umount", [daemon.root + "/lazy"])
        try waitUntil("the daemon notices") { try WebClient.get("/healthz", socket: path).status == 503 }
        try daemon.end(SIGTERM)
        #expect(!Files.exists(path))
    }

    @Test("an address that is in use, and one that is none, end the start with one line that names the key")
    func badAddress() throws {
        let (descriptor, port) = try Loopback.listen(port: 0)
        defer { close(descriptor) }
        let directory = try TemporaryDirectory()
        for address in ["127.0.0.1:\(port)", "nonsense"] {
            try AtomicFile.write(Array("metrics_address = \"\(address)\"\n".utf8), to: directory.path + "/c.toml")
            let result = try Program.run(
                Places.product("starlingd"),
                ["--address", directory.path + "/s.sock", "--root", directory.path + "/root", "--config", directory.path + "/c.toml"])
            #expect(result.status == 1 && result.errorText.contains("metrics_address"), "\(result.errorText)")
            #expect(result.errorText.split(separator: "\n").filter { $0.contains("critical") }.count == 1, "\(result.errorText)")
            #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(directory.path) })
        }
    }
}
