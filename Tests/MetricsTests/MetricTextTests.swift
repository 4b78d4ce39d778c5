import Metrics
import Testing

@Suite struct MetricTextTests {
    @Test(
        "families are written as the format wants them: escapes, whole numbers, classes that hold all smaller ones; empty ones not at all")
    func text() {
        let histogram = Histogram(bounds: [1, 2.5], counts: [2, 0, 1], sum: 9.25)
        let text = MetricText.write([
            MetricFamily(
                "a_total", .counter, "Help with \\ and\na line", [MetricSample(3 as UInt64), MetricSample(0.5, ["x": "a\"b\\c\nd"])]),
            MetricFamily("empty", .gauge, "Nothing."),
            MetricFamily("h", .histogram, "Times.", [MetricSample(histogram, ["layer": "l"])]),
            MetricFamily("odd", .gauge, "Odd.", [MetricSample(.infinity), MetricSample(-1e300)]),
        ])
        #expect(
            text == #"""
                # HELP a_total Help with \\ and\na line
                # TYPE a_total counter
                a_total 3
                a_total{x="a\"b\\c\nd"} 0.5
                # HELP h Times.
                # TYPE h histogram
                h_bucket{layer="l",le="1"} 2
                h_bucket{layer="l",le="2.5"} 2
                h_bucket{layer="l",le="+Inf"} 3
                h_sum{layer="l"} 9.25
                h_count{layer="l"} 3
                # HELP odd Odd.
                # TYPE odd gauge
                odd +Inf
                odd -1e+300

                """#)
    }

    @Test(
        "a duration is in the class whose bound is the first that is not smaller",
        arguments: [(0, 0), (1_000, 0), (1_001, 1), (2_000, 1), (2_001, 2), (1_024_000, 10), (1_024_001, 11), (UInt64.max / 2, 11)])
    func classes(nanoseconds: UInt64, place: Int) {
        let counts = LatencyCounts(.microseconds)
        counts.count(nanoseconds: nanoseconds)
        let histogram = counts.histogram
        #expect(histogram.bounds == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
        #expect(histogram.counts.firstIndex(of: 1) == place && histogram.count == 1)
        #expect(histogram.sum == Double(nanoseconds) / 1_000)
    }

    @Test("durations in milliseconds have the bounds of stargz-snapshotter, up to 16 s")
    func milliseconds() {
        #expect(LatencyCounts(.milliseconds).histogram.bounds.last == 16_384)
    }

    @Test("many threads count at once, and nothing is lost")
    func threads() async {
        let counts = LatencyCounts(.microseconds)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { counts.count(nanoseconds: 3_000) } } }
        }
        #expect(counts.histogram.counts[2] == 80_000 && counts.histogram.sum == 240_000)
    }

    @Test(
        "addresses are read as Go reads them, and unix sockets by their path",
        arguments: [
            ("127.0.0.1:8234", MetricsAddress.tcp(host: "127.0.0.1", port: 8234)), (":80", .tcp(host: "", port: 80)),
            ("[::1]:0", .tcp(host: "::1", port: 0)), ("localhost:65535", .tcp(host: "localhost", port: 65535)),
            ("/run/m.sock", .unix(path: "/run/m.sock")), ("unix:///run/m.sock", .unix(path: "/run/m.sock")),
            ("unix:/run/m.sock", .unix(path: "/run/m.sock")),
        ])
    func addresses(text: String, address: MetricsAddress) throws {
        #expect(try MetricsAddress(parsing: text) == address)
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "8234", "host", "host:", "host:65536", "host:-1", "::1:80", "unix:m.sock", "m.sock"])
    func noAddresses(text: String) {
        #expect(throws: MetricsAddress.Malformed.self) { try MetricsAddress(parsing: text) }
    }
}
