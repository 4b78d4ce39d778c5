import Digests
import HostSystem
import OCI
import Registry
import Synchronization
import TestSupport
import Testing
import Threads

/// Against Debian's docker-registry.
@Suite("the registry client", .serialized)
struct RegistryClientTests {
    private let directory: TemporaryDirectory
    /// A layer of some hundred KB in an ordinary image.
    private let layout: String

    init() throws {
        directory = try TemporaryDirectory()
        layout = try TestImages.busybox(in: directory.path)
    }

    private func layer(_ client: RegistryClient, _ reference: Reference) async throws -> Descriptor {
        try Documents.decode(Manifest.self, from: try await client.resolve(reference).1, what: "manifest").layers[0]
    }

    private func file(_ layer: Descriptor) throws -> [UInt8] {
        try Files.read(layout + "/blobs/sha256/" + layer.digest.hex, limit: 1 << 30)
    }

    @Test("ranges, the end of a blob and whole blobs come as they are, over plain HTTP on loopback without being asked")
    func reading() async throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(layout):latest", as: "app:1")
        let client = RegistryClient()
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(registry.address)/app:1")
        let layer = try await layer(client, reference)
        let bytes = try file(layer)
        let blob = client.blob(layer, of: reference)
        #expect(try await blob.read(1000..<50_000) == Array(bytes[1000..<50_000]))
        #expect(try await blob.read(5..<5).isEmpty)
        let (suffix, size) = try await blob.readSuffix(777)
        #expect(suffix == Array(bytes.suffix(777)) && size == UInt64(bytes.count))
        #expect(try await blob.readSuffix(bytes.count * 2).bytes == bytes)
        let stream = try await RegistrySource(client: client, reference: reference).blob(layer)
        let read = try await BlockingTask.run { () throws -> [UInt8] in
            var read: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 10_000)
            while case let count = try buffer.withUnsafeMutableBytes({ try stream.read(into: $0) }), count > 0 { read += buffer[..<count] }
            return read
        }
        #expect(read == bytes)
    }

    @Test("requests that go out together find out together that a registry on loopback has no TLS")
    func probing() async throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(layout):latest", as: "app:1")
        let reference = try Reference(parsing: "\(registry.address)/app:1")
        let known = RegistryClient()
        defer { known.shutdown() }
        let layer = try await layer(known, reference)
        for _ in 0..<20 {
            let client = RegistryClient()
            defer { client.shutdown() }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await client.blob(layer, of: reference).readSuffix(100).bytes.count } }
                for try await count in group { #expect(count == 100) }
            }
        }
    }

    @Test("credentials of others are asked for where docker's configuration has none, by host and repository")
    func others() async throws {
        let registry = try RegistryServer(passwords: "starling:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n")
        let reference = try Reference(parsing: "\(registry.address)/private/app:1")
        var options = RegistryOptions()
        options.authFile = directory.path + "/none.json"
        try AtomicFile.write(Array("{}".utf8), to: directory.path + "/none.json")
        options.credentials = { host, repository in
            guard host == registry.address, repository == "\(registry.address)/private/app" else { return nil }
            return Credential(user: "starling", password: "secret")
        }
        let client = RegistryClient(options: options)
        defer { client.shutdown() }
        // The registry lets us in and has no such image: not found, and not unauthorized.
        for (name, isKnown) in [(reference, true), (try Reference(parsing: "\(registry.address)/private/other:1"), false)] {
            do throws(RegistryError) {
                _ = try await client.resolve(name)
                Issue.record("there is no \(name)")
            } catch {
                if case .notFound = error { #expect(isKnown) } else { #expect(!isKnown, "\(error)") }
            }
        }
    }

    @Test("a registry with a password is read and written with docker's configuration, and asks for a login without it")
    func authorized() async throws {
        // bcrypt of "secret".
        let registry = try RegistryServer(passwords: "starling:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n")
        let reference = try Reference(parsing: "\(registry.address)/private/app:1")
        let authFile = directory.path + "/config.json"
        try AtomicFile.write(Array(#"{"auths":{"\#(registry.address)":{"auth":"c3Rhcmxpbmc6c2VjcmV0"}}}"#.utf8), to: authFile)
        var options = RegistryOptions()
        options.authFile = authFile
        let client = RegistryClient(options: options)
        defer { client.shutdown() }

        let source = OCILayoutSource(directory: layout, tag: nil)
        let (root, manifest) = try await source.root()
        let destination = RegistryDestination(client: client, reference: reference)
        try await destination.check()
        let documents = try Documents.decode(Manifest.self, from: manifest, what: "manifest")
        for blob in documents.layers + [documents.config] {
            #expect(try await !destination.has(blob))
            #expect(try await !destination.store(blob, from: source))
            #expect(try await destination.store(blob, from: source))
        }
        try await destination.tag(root, bytes: manifest)
        #expect(try await client.resolve(reference).0.digest == root.digest)

        let stranger = RegistryClient()
        defer { stranger.shutdown() }
        let error = await #expect(throws: RegistryError.self) { try await stranger.resolve(reference) }
        guard case .unauthorized(registry.address, _, false)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a reference that is not there is 404 with its name, and a wrong digest is not accepted")
    func missing() async throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(layout):latest", as: "app:1")
        let client = RegistryClient()
        defer { client.shutdown() }
        let reference = try Reference(parsing: "\(registry.address)/app:none")
        await #expect(throws: RegistryError.notFound(host: registry.address, what: reference.description)) {
            try await client.resolve(reference)
        }
        let other = try Reference(parsing: "\(registry.address)/app:1").at(Digest.sha256([1]))
        await #expect(throws: RegistryError.self) { try await client.resolve(other) }
    }

    @Test("a reader that stops early, or a client that is shut down, ends the transfer with an error and leaves nobody waiting")
    func cancelled() async throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(layout):latest", as: "app:1")
        let client = RegistryClient()
        let reference = try Reference(parsing: "\(registry.address)/app:1")
        let layer = try await layer(client, reference)
        let blob = client.blob(layer, of: reference)
        let outcome = await withCheckedContinuation { continuation in
            _ = blob.stream(0..<UInt64(layer.size), receive: { _ in false }) { continuation.resume(returning: $0) }
        }
        // Whoever stops has what it wants.
        #expect((try? outcome.get()) != nil)
        let stream = try await RegistrySource(client: client, reference: reference).blob(layer)
        stream.cancel()
        client.shutdown()
        await #expect(throws: RegistryError.self) {
            try await BlockingTask.run {
                var buffer = [UInt8](repeating: 0, count: 1000)
                while try buffer.withUnsafeMutableBytes({ try stream.read(into: $0) }) > 0 {}
            }
        }
        await #expect(throws: RegistryError.cancelled) { try await blob.read(0..<10) }
    }
}
