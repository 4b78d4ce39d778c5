import Digests
import HostSystem
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

/// Debian's docker-registry as a registry and as its mirror, with proxies before them that keep what they are asked.
@Suite("mirrors and certificates", .serialized)
struct MirrorTests {
    private static let text = Array(String(repeating: "what is in the blob, again and again. ", count: 100).utf8)
    private let blob = Descriptor(mediaType: "text/plain", digest: Digest.sha256(MirrorTests.text), size: Int64(MirrorTests.text.count))
    private let config = Descriptor(mediaType: MediaType.config, digest: Digest.sha256(Array("{}".utf8)), size: 2)

    /// Puts an image of one blob into a registry, through a client of its own.
    private func fill(_ address: String, _ options: RegistryOptions, tag: String = "1") async throws {
        let client = RegistryClient(options: options)
        defer { client.shutdown() }
        try await push(client, to: "\(address)/app:\(tag)")
    }

    @discardableResult
    private func push(_ client: RegistryClient, to name: String) async throws -> Descriptor {
        let destination = RegistryDestination(client: client, reference: try Reference(parsing: name))
        try await destination.putBlob(blob, bytes: MirrorTests.text)
        try await destination.putBlob(config, bytes: Array("{}".utf8))
        let manifest = Manifest(config: config, layers: [blob])
        let bytes = try Documents.encode(manifest)
        let root = Descriptor(mediaType: MediaType.manifest, digest: Digest.sha256(bytes), size: Int64(bytes.count))
        try await destination.tag(root, bytes: bytes)
        return root
    }

    private var plain: RegistryOptions {
        var options = RegistryOptions()
        options.plainHTTP = true
        options.retries = 0
        return options
    }

    private func host(_ url: String, _ capabilities: RegistryHost.Capabilities = [.pull, .resolve]) throws -> RegistryHost {
        var host = try #require(RegistryHost(url: url))
        host.capabilities = capabilities
        return host
    }

    /// Options with mirrors for every registry.
    private func mirrored(_ mirrors: [RegistryHost], _ options: RegistryOptions? = nil) -> RegistryOptions {
        var options = options ?? plain
        options.hosts = { RegistryHosts(mirrors: mirrors, server: RegistryHost(registry: $0)) }
        return options
    }

    /// Resolves the tag and reads the blob.
    private func read(_ address: String, _ options: RegistryOptions) async throws -> [UInt8] {
        let client = RegistryClient(options: options)
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(address)/app:1")
        let (root, bytes) = try await client.resolve(reference)
        #expect(try await client.manifest(root, of: reference) == bytes)
        return try await client.blob(blob, of: reference).read(0..<UInt64(blob.size))
    }

    @Test("a mirror is asked first, and told for which registry")
    func first() async throws {
        let (registry, mirror) = (try RegistryServer(), try RegistryServer())
        let (front, mirrorFront) = (try RequestProxy(to: registry.port), try RequestProxy(to: mirror.port))
        try await fill(registry.address, plain)
        try await fill(mirror.address, plain)
        #expect(try await read(front.address, mirrored([host("http://\(mirrorFront.address)")])) == MirrorTests.text)
        #expect(front.requests.isEmpty && mirrorFront.requests.count == 3)
        let name = "ns=127.0.0.1%3A\(front.port)"
        #expect(mirrorFront.requests.allSatisfy { $0.hasSuffix("?" + name) }, "\(mirrorFront.requests)")
    }

    @Test("a change of the hosts is noticed, and one that cannot be read is not")
    func changed() async throws {
        let (registry, mirror) = (try RegistryServer(), try RegistryServer())
        let (front, mirrorFront) = (try RequestProxy(to: registry.port), try RequestProxy(to: mirror.port))
        try await fill(registry.address, plain)
        try await fill(mirror.address, plain)
        let mirrored = [try host("http://\(mirrorFront.address)")]
        // What the file says now; nil for half a file.
        let said = Mutex<[RegistryHost]?>([])
        var options = plain
        options.hostsKeptFor = .zero
        options.hosts = { registry in
            guard let mirrors = said.withLock({ $0 }) else { throw RegistryError.configuration("half a file") }
            return RegistryHosts(mirrors: mirrors, server: RegistryHost(registry: registry))
        }
        let client = RegistryClient(options: options)
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(front.address)/app:1")
        func resolve(_ mirrors: [RegistryHost]?) async throws -> (registry: Bool, mirror: Bool) {
            said.withLock { $0 = mirrors }
            let before = (front.requests.count, mirrorFront.requests.count)
            _ = try await client.resolve(reference)
            return (front.requests.count > before.0, mirrorFront.requests.count > before.1)
        }
        #expect(try await resolve([]) == (true, false))
        #expect(try await resolve(mirrored) == (false, true))
        #expect(try await resolve(nil) == (false, true))
        #expect(try await resolve([]) == (true, false))
    }

    @Test("a mirror that is down, has nothing, is out of order or lies is passed over")
    func passedOver() async throws {
        let (registry, empty) = (try RegistryServer(), try RegistryServer())
        let front = try RequestProxy(to: registry.port)
        try await fill(registry.address, plain)
        let (broken, liar) = (try CannedHTTPServer(status: "503 Service Unavailable"), try CannedHTTPServer(status: "200 OK"))
        for address in ["127.0.0.1:\(try Loopback.freePort())", empty.address, broken.address, liar.address] {
            #expect(try await read(front.address, mirrored([host("http://\(address)")])) == MirrorTests.text)
        }
        // Speaks no TLS.
        #expect(try await read(front.address, mirrored([host("https://\(empty.address)")])) == MirrorTests.text)
        #expect(front.requests.allSatisfy { !$0.contains("ns=") })
    }

    @Test("a mirror that has not got a blob is asked for it once, whatever the number of ranges")
    func absent() async throws {
        let (registry, mirror) = (try RegistryServer(), try RegistryServer())
        let mirrorFront = try RequestProxy(to: mirror.port)
        try await fill(registry.address, plain)
        let client = RegistryClient(options: mirrored([try host("http://\(mirrorFront.address)")]))
        defer { client.shutdown() }
        let blob = client.blob(blob, of: try Reference(parsing: "\(registry.address)/app:1"))
        for start in 0..<3 { _ = try await blob.read(UInt64(start)..<UInt64(start + 10)) }
        #expect(mirrorFront.requests.count == 1)
    }

    @Test("what a mirror gave of a blob before it failed is not asked for again")
    func inTheMiddle() async throws {
        let registry = try RegistryServer()
        let front = try RequestProxy(to: registry.port)
        try await fill(registry.address, plain)
        let start = String(decoding: MirrorTests.text[..<100], as: UTF8.self)
        let mirror = try CannedHTTPServer(status: "206 Partial Content", headers: ["Content-Range: bytes 0-99/\(blob.size)"], body: start)
        let client = RegistryClient(options: mirrored([try host("http://\(mirror.address)", .pull)]))
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(front.address)/app:1")
        #expect(try await client.blob(blob, of: reference).read(0..<UInt64(blob.size)) == MirrorTests.text)
        #expect(front.heads.count == 1 && front.heads[0].contains("Range: bytes=100-"))
    }

    @Test("the registry's error is shown, and what was wrong with its mirrors")
    func everybody() async throws {
        let registry = try RegistryServer()
        let down = "127.0.0.1:\(try Loopback.freePort())"
        let client = RegistryClient(options: mirrored([try host("http://\(down)")]))
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(registry.address)/app:none")
        let own = RegistryError.notFound(host: registry.address, what: reference.description)
        let reason = "connection refused or no route"
        await #expect(throws: RegistryError.afterMirrors(own, mirrors: [.unreachable(host: down, reason: reason)])) {
            try await client.resolve(reference)
        }
    }

    @Test("a host is asked only for what it may be asked for")
    func capabilities() async throws {
        let (registry, mirror) = (try RegistryServer(), try RegistryServer())
        let (front, mirrorFront) = (try RequestProxy(to: registry.port), try RequestProxy(to: mirror.port))
        try await fill(registry.address, plain)
        try await fill(mirror.address, plain)
        let options = mirrored([try host("http://\(mirrorFront.address)", .pull)])
        #expect(try await read(front.address, options) == MirrorTests.text)
        // The tag is the registry's, the manifest and the blob are the mirror's.
        #expect(front.requests == ["GET /v2/app/manifests/1"] && mirrorFront.requests.count == 2)

        let client = RegistryClient(options: options)
        defer { client.shutdown() }
        try await push(client, to: "\(front.address)/app:2")
        #expect(mirrorFront.requests.count == 2)
        let pusher = RegistryClient(options: mirrored([try host("http://\(mirrorFront.address)", [.pull, .resolve, .push])]))
        defer { pusher.shutdown() }
        try await push(pusher, to: "\(front.address)/app:3")
        #expect(try mirror.tags("app") == ["1", "3"] && registry.tags("app") == ["1", "2"])

        var nobody = plain
        nobody.hosts = { registry in
            var server = RegistryHost(registry: registry)
            server.capabilities = [.pull]
            return RegistryHosts(server: server)
        }
        let reader = RegistryClient(options: nobody)
        defer { reader.shutdown() }
        let reference = try Reference(parsing: "\(front.address)/app:1")
        await #expect(throws: RegistryError.self) { try await reader.resolve(reference) }
        await #expect(throws: RegistryError.self) { try await RegistryDestination(client: reader, reference: reference).check() }
    }

    @Test("credentials and headers go to the host that they are for, and to no other")
    func secrets() async throws {
        // bcrypt of "secret".
        let passwords = "starling:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
        let (registry, open, closed) = (
            try RegistryServer(passwords: passwords), try RegistryServer(), try RegistryServer(passwords: passwords)
        )
        let (front, openFront) = (try RequestProxy(to: registry.port), try RequestProxy(to: open.port))
        let closedFront = try RequestProxy(to: closed.port)
        let directory = try TemporaryDirectory()
        var options = plain
        options.authFile = directory.path + "/config.json"
        try AtomicFile.write(
            Array(#"{"auths":{"\#(front.address)":{"auth":"c3Rhcmxpbmc6c2VjcmV0"}}}"#.utf8), to: directory.path + "/config.json")
        try await fill(front.address, options)
        var openHost = try host("http://\(openFront.address)")
        openHost.headers = ["X-Mirror": "yes"]
        #expect(try await read(front.address, mirrored([openHost, host("http://\(closedFront.address)")], options)) == MirrorTests.text)
        #expect(front.heads.contains { $0.contains("Authorization: Basic") } && !front.heads.contains { $0.contains("X-Mirror") })
        for mirror in [openFront, closedFront] {
            #expect(!mirror.heads.isEmpty && !mirror.heads.contains { $0.lowercased().contains("authorization") })
        }
        #expect(openFront.heads.allSatisfy { $0.contains("X-Mirror: yes") } && !closedFront.heads.contains { $0.contains("X-Mirror") })
    }

    @Test("a certificate that is named is trusted, another is not, and verification can be switched off")
    func certificates() async throws {
        let identity = try ServerIdentity()
        let registry = try RegistryServer(identity: identity)
        func options(_ change: (inout RegistryHost.Connection) throws -> Void) throws -> RegistryOptions {
            var server = try #require(RegistryHost(url: "https://\(registry.address)"))
            try change(&server.connection)
            var options = RegistryOptions()
            options.hosts = { [server] _ in RegistryHosts(server: server) }
            return options
        }
        let trusting = try options { $0.certificateAuthorities = try identity.certificateBytes() }
        try await fill(registry.address, trusting)
        #expect(try await read(registry.address, trusting) == MirrorTests.text)
        #expect(try await read(registry.address, options { $0.skipsVerification = true }) == MirrorTests.text)
        let other = try ServerIdentity().certificateBytes()
        for wrong in [try options { _ in }, try options { $0.certificateAuthorities = other }] {
            let error = await #expect(throws: RegistryError.self) { try await read(registry.address, wrong) }
            guard case .tls(registry.address, _)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("a registry that wants a certificate of its clients is shown it")
    func clientCertificate() async throws {
        let (identity, me) = (try ServerIdentity(), try ServerIdentity())
        let registry = try RegistryServer(identity: identity, clients: me)
        var server = try #require(RegistryHost(url: "https://\(registry.address)"))
        server.connection.certificateAuthorities = try identity.certificateBytes()
        var options = RegistryOptions()
        options.hosts = { [server] _ in RegistryHosts(server: server) }
        let stranger = options
        server.connection.clientCertificate = (me.certificate, me.key)
        options.hosts = { [server] _ in RegistryHosts(server: server) }
        try await fill(registry.address, options)
        #expect(try await read(registry.address, options) == MirrorTests.text)
        await #expect(throws: RegistryError.self) { try await read(registry.address, stranger) }
    }
}
