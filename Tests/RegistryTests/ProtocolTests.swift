import Testing

@testable import Registry

@Suite("pieces of the distribution protocol")
struct ProtocolTests {
    @Test(
        "challenges are read in every spelling, a token before a password",
        arguments: [
            (
                #"Bearer realm="https://a.example/token",service="s",scope="repository:x:pull,push""#,
                Challenge.bearer(realm: "https://a.example/token", service: "s", scope: "repository:x:pull,push")
            ),
            (#"bearer realm=https://a.example/t"#, .bearer(realm: "https://a.example/t", service: nil, scope: nil)),
            (#"Basic realm="x", Bearer realm="https://t", service="s""#, .bearer(realm: "https://t", service: "s", scope: nil)),
            (#"Basic realm="registry""#, .basic), ("BASIC", .basic), ("Digest x=y", nil), ("Bearer service=x", nil), (nil, nil),
        ] as [(String?, Challenge?)])
    func challenges(header: String?, expected: Challenge?) {
        #expect(Challenge(header) == expected)
    }

    @Test(
        "a location is resolved against where it came from",
        arguments: [
            ("https://b.example/x", "http://a.example/y", "https://b.example/x"),
            ("/v2/up?_state=1", "http://a:5000/v2/x", "http://a:5000/v2/up?_state=1"),
            ("//cdn.example/x", "https://a/y", "https://cdn.example/x"), ("next?b=2", "https://a/v2/z?c=1", "https://a/v2/next?b=2"),
        ])
    func locations(location: String, base: String, resolved: String) {
        #expect(URLText.resolve(location, against: base) == resolved)
    }

    @Test("authorization may go to the same scheme, host and port only")
    func origins() {
        let home = URLText.origin("https://Reg.Example:443/v2/")
        #expect(home == URLText.origin("https://reg.example:443/other?x"))
        for other in ["http://reg.example:443/", "https://reg.example/", "https://reg.example.evil:443/", "https://user@evil:443/"] {
            #expect(URLText.origin(other) != home)
        }
        #expect(URLText.host("https://reg.example@evil.example/x") == "evil.example")
    }

    @Test("values of queries are escaped")
    func escaping() {
        #expect(URLText.adding("scope", "repository:a/b:pull", to: "https://t/x") == "https://t/x?scope=repository%3Aa%2Fb%3Apull")
        #expect(URLText.adding("b", "ü", to: "https://t/x?a=1") == "https://t/x?a=1&b=%C3%BC")
    }

    @Test(
        "a Content-Range is understood or not at all",
        arguments: [
            ("bytes 0-9/100", 0, 9, 100), ("bytes 5-5/*", 5, 5, nil), ("bytes 9-0/100", nil, nil, nil), ("bytes */100", nil, nil, nil),
            ("items 0-9/100", nil, nil, nil), ("bytes 0-99999999999999999999/1", nil, nil, nil), (nil, nil, nil, nil),
        ] as [(String?, UInt64?, UInt64?, UInt64?)])
    func contentRange(header: String?, first: UInt64?, last: UInt64?, total: UInt64?) {
        let range = ContentRange(header)
        #expect(range?.first == first && range?.last == last && range?.total == total)
    }

    /// Feeds an answer to a range in pieces and collects what comes out.
    private func deliver(_ progress: inout RangeProgress, status: Int, range: String?, bytes: [UInt8], piece: Int = 7) -> [UInt8] {
        let head = HTTPHead(status: status, headers: range.map { ["content-range": $0] } ?? [:])
        var output: [UInt8] = []
        progress.restart()
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let appetite = bytes[start..<min(bytes.count, start + piece)].withUnsafeBytes { bytes in
                progress.receive(head, bytes) {
                    output += $0; return .more
                }
            }
            guard appetite == .more else { break }
        }
        return output
    }

    private let blob = (0..<100).map { UInt8($0) }

    @Test("a range comes out right from a 206, from a 206 with other bounds, and from a whole body")
    func ranges() {
        for (status, header, bytes) in [
            (206, "bytes 20-59/100", Array(blob[20..<60])), (206, "bytes 10-79/100", Array(blob[10..<80])), (200, nil, blob),
        ] as [(Int, String?, [UInt8])] {
            var progress = RangeProgress(20..<60)
            #expect(deliver(&progress, status: status, range: header, bytes: bytes) == Array(blob[20..<60]))
            #expect(progress.isDone && progress.failure == nil)
        }
    }

    @Test("an answer that was cut is gone on with where it ended, whatever the next answer brings")
    func resumed() {
        var progress = RangeProgress(20..<60)
        let first = deliver(&progress, status: 206, range: "bytes 20-59/100", bytes: Array(blob[20..<33]))
        #expect(!progress.isDone && progress.next == 33)
        let second = deliver(&progress, status: 200, range: nil, bytes: blob)
        #expect(first + second == Array(blob[20..<60]) && progress.isDone)
    }

    @Test("an answer that tells of another size is another blob's")
    func otherBlob() {
        for (status, header) in [(206, "bytes 20-59/101"), (200, nil)] as [(Int, String?)] {
            var progress = RangeProgress(20..<60, of: 100)
            let length = ["content-length": "101"]
            let head = HTTPHead(status: status, headers: header.map { ["content-range": $0] } ?? length)
            let appetite = blob.withUnsafeBytes { bytes in progress.receive(head, bytes) { _ in .more } }
            #expect(appetite == .stop && progress.failure != nil && progress.next == 20)
        }
    }

    @Test("a range that begins behind what is wanted, or says nothing, is a failure", arguments: ["bytes 21-59/100", nil] as [String?])
    func wrongRange(header: String?) {
        var progress = RangeProgress(20..<60)
        #expect(deliver(&progress, status: 206, range: header, bytes: blob).isEmpty)
        #expect(!progress.isDone && progress.failure != nil)
    }
}
