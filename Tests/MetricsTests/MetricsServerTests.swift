import Glibc
import HostSystem
import Metrics
import MetricsService
import Synchronization
import TestSupport
import Testing

@Suite struct MetricsServerTests {
    private let family = MetricFamily("a_total", .counter, "A.", [MetricSample(1 as UInt64)])

    @Test("metrics and health are served, HEAD too, and everything else is refused")
    func answers() async throws {
        let illness = Mutex<String?>(nil)
        let server = try await MetricsServer(host: "127.0.0.1", port: 0, families: { [family] }, illness: { illness.withLock { $0 } })
        let serving = Task { try await server.serve() }
        defer { serving.cancel() }
        let port = UInt16(try #require(server.port))
        let metrics = try WebClient.get("/metrics", port: port)
        #expect(metrics.status == 200 && metrics.body == MetricText.write([family]))
        #expect(metrics.head.lowercased().contains("content-type: text/plain; version=0.0.4"))
        let head = try WebClient.get("/metrics", port: port, method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty && head.head.contains("content-length: \(metrics.body.utf8.count)"))
        #expect(try WebClient.get("/healthz", port: port).body == "ok\n")
        illness.withLock { $0 = "no mount" }
        let health = try WebClient.get("/healthz?x", port: port)
        #expect(health.status == 503 && health.body == "no mount\n")
        #expect(try WebClient.get("/", port: port).status == 404)
        #expect(try WebClient.get("/metrics", port: port, method: "DELETE").status == 405)
    }

    @Test("the server lives on when clients go away, and ends when it is told to")
    func goneClients() async throws {
        let server = try await MetricsServer(host: "", port: 0, families: { [family] }, illness: { nil })
        let serving = Task { try await server.serve() }
        let port = UInt16(try #require(server.port))
        for _ in 0..<50 { close(try Loopback.connect(port: port)) }
        #expect(try WebClient.get("/healthz", port: port).status == 200)
        serving.cancel()
        _ = await serving.result
        #expect(!Loopback.accepts(port: port))
    }

    @Test("it serves on a unix socket, too")
    func unixSocket() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/m.sock"
        let server = try await MetricsServer(
            listeningSocket: try UnixSocket.listen(at: path, .stream), families: { [family] }, illness: { nil })
        let serving = Task { try await server.serve() }
        defer { serving.cancel() }
        #expect(try WebClient.get("/metrics", socket: path).body == MetricText.write([family]))
    }
}
