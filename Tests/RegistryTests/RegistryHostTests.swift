import Testing

@testable import Registry

@Suite("hosts of a registry, and how far an upload is")
struct RegistryHostTests {
    @Test(
        "a host's URL says scheme, place and path of the API, and anything else is none",
        arguments: [
            ("https://m.example", false, "https m.example /v2"), ("http://m.example:5000/", false, "http m.example:5000 /v2"),
            ("https://m.example/hub/", false, "https m.example /hub/v2"), ("https://m.example/v2/hub", false, "https m.example /v2/hub/v2"),
            ("https://m.example/hub/v2", false, "https m.example /hub/v2"), ("https://m.example/v2/hub", true, "https m.example /v2/hub"),
            ("https://m.example", true, "https m.example "), ("m.example:5000", false, "nil m.example:5000 /v2"),
            ("http://[::1]:5000", false, "http [::1]:5000 /v2"), ("HTTPS://docker.io", false, "https registry-1.docker.io /v2"),
            ("", false, nil), ("https://", false, nil), ("ftp://m.example", false, nil), ("https://m.example/?a=1", false, nil),
            ("https://user@m.example", false, nil), ("https://m example", false, nil),
        ] as [(String, Bool, String?)])
    func urls(url: String, overridesPath: Bool, expected: String?) {
        let host = RegistryHost(url: url, overridesPath: overridesPath)
        #expect(host.map { "\($0.scheme?.rawValue ?? "nil") \($0.authority) \($0.path)" } == expected)
    }

    @Test(
        "a mirror is told the registry's name, the registry itself is not",
        arguments: [
            ("docker.io", "https://m.example/hub", "/hub/v2/a/manifests/1?ns=docker.io"),
            ("r.example:5000", "http://m.example", "/v2/a/manifests/1?ns=r.example%3A5000"),
            ("r.example:5000", "http://r.example:5000", "/v2/a/manifests/1"),
            ("docker.io", "https://registry-1.docker.io", "/v2/a/manifests/1"),
        ])
    func namespaces(registry: String, url: String, path: String) throws {
        let endpoint = Endpoint(registry: registry, host: try #require(RegistryHost(url: url)))
        #expect(endpoint.path("a/manifests/1") == path)
    }

    @Test("a host that failed is asked last for a while, and first again when it answered")
    func rests() {
        var rests = HostRests()
        let now = ContinuousClock.now
        let ids = ["a", "b", "c"]
        rests.rest("a", from: now)
        #expect(rests.order(ids, at: now) == [1, 2, 0])
        rests.rest("c", from: now)
        #expect(rests.order(ids, at: now) == [1, 0, 2])
        rests.rest("b", from: now)
        #expect(rests.order(ids, at: now) == [0, 1, 2])
        rests.wake("c")
        #expect(rests.order(ids, at: now) == [2, 0, 1])
        #expect(rests.order(ids, at: now + HostRests.duration) == [0, 1, 2])
    }

    @Test("of several failures the registry's own counts, with those of mirrors that say more than \"not here\"")
    func failures() {
        let own = RegistryError.notFound(host: "r", what: "x")
        let down = RegistryError.unreachable(host: "m", reason: "gone")
        #expect(RegistryError.joined([own]) == own)
        #expect(RegistryError.joined([.notFound(host: "m", what: "x"), own]) == own)
        #expect(RegistryError.joined([down, own]) == .afterMirrors(own, mirrors: [down]))
        #expect(RegistryError.joined([down, own]).isUnreachable && !RegistryError.joined([down, own]).isTransient)
        #expect(RegistryError.joined([.rateLimited(host: "m"), own]).isTransient)
    }

    @Test("an upload goes on behind what the registry has")
    func upload() {
        var progress = UploadProgress(pieceSize: 100)
        progress.begin(least: nil)
        #expect(progress.piece(of: 250) == 0..<100)
        #expect(progress.take("0-99", of: 250) == true && progress.piece(of: 250) == 100..<200)
        #expect(progress.take("0-149", of: 250) == true && progress.piece(of: 250) == 150..<250)
        #expect(progress.take("0-249", of: 250) == true && progress.piece(of: 250) == nil)
    }

    @Test("what was sent before an upload began anew is no progress")
    func anew() {
        var progress = UploadProgress(pieceSize: 100)
        progress.begin(least: nil)
        #expect(progress.take("0-99", of: 250) == true)
        progress.begin(least: 120)
        #expect(progress.piece(of: 250) == 0..<120)
        #expect(progress.take("0-79", of: 250) == false && progress.take("0-99", of: 250) == false)
        #expect(progress.take("0-119", of: 250) == true)
    }

    @Test(
        "what a registry says of an upload is understood or not at all",
        arguments: [
            ("0-0", 0), ("0-9", 10), ("bytes=0-9", 10), ("0-249", 250), ("0-250", nil), ("1-9", nil), ("0-", nil), ("", nil),
            ("0-9-9", nil),
            ("0--9", nil), ("0-9223372036854775807", nil), (nil, nil),
        ] as [(String?, Int64?)])
    func uploadRange(text: String?, received: Int64?) {
        var progress = UploadProgress(pieceSize: 100)
        let isNew = progress.take(text, of: 250)
        #expect((isNew == nil ? nil : progress.received) == received)
    }
}
