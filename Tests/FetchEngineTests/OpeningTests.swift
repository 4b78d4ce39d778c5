import ChunkStore
import Digests
import HostSystem
import OCI
import Registry
import TestSupport
import Testing
import TreeImage

@testable import FetchEngine

@Suite("opening the layers of an image", .serialized)
struct OpeningTests {
    private func layers(_ count: Int) throws -> [TestLayer] {
        try (0..<count).map { try TestLayer(sizes: (0..<300).map { 100 + $0 * 10 }, seed: UInt64($0 + 1)) }
    }

    @Test("layers that are expected need no request any more when they are opened, and are verified then")
    func expected() async throws {
        let (first, others) = (try layers(1)[0], Array(try layers(4).dropFirst()))
        let engine = try await EngineFixture(first)
        for other in others { try await EngineFixture.push(other, to: engine.registry.address) }
        engine.opener.expect(others.map(\.descriptor.digest), of: engine.reference)
        try waitUntil("all have been asked for") { engine.proxy.blobRequests.count >= 1 + others.count }
        for other in others {
            // As a snapshotter is told of it: neither size nor media type.
            let told = Descriptor(
                mediaType: MediaType.layerGzip, digest: other.descriptor.digest, size: 0, annotations: other.descriptor.annotations)
            let layer = try await engine.opener.open(told, of: engine.reference)
            #expect(layer.stored.facts.blobSize == UInt64(other.blob.count) && layer.stored.chunks.count == 300)
        }
        #expect(engine.proxy.blobRequests.count == 1 + others.count)
        try await engine.end()
    }

    @Test("what was fetched ahead is no more trusted than anything else")
    func wrongAhead() async throws {
        let layers = try layers(2)
        let engine = try await EngineFixture(layers[0])
        try await EngineFixture.push(layers[1], to: engine.registry.address)
        engine.opener.expect([layers[1].descriptor.digest], of: engine.reference)
        var told = layers[1].descriptor
        told.annotations?[Annotation.tocDigest] = Digest.sha256([1]).description
        await #expect(throws: LayerRefusal.self) { try await engine.opener.open(told, of: engine.reference) }
        _ = try await engine.opener.open(layers[1].descriptor, of: engine.reference)
        try await engine.end()
    }

    @Test("layers that are of no lazy format, are not there or are not opened soon are forgotten")
    func forgotten() async throws {
        let layers = try layers(2)
        var options = EngineFixture.openingOptions
        options.keptFor = .milliseconds(200)
        let engine = try await EngineFixture(layers[0], opening: options)
        try await EngineFixture.push(layers[1], to: engine.registry.address)
        let ordinary = [UInt8](repeating: 7, count: 1000)
        let descriptor = Descriptor(mediaType: MediaType.layerGzip, digest: Digest.sha256(ordinary), size: 1000)
        let pusher = RegistryDestination(
            client: engine.client, reference: try Reference(parsing: "\(engine.registry.address)/app:1"))
        try await pusher.putBlob(descriptor, bytes: ordinary)
        engine.opener.expect([layers[1].descriptor.digest, descriptor.digest, Digest.sha256([9])], of: engine.reference)
        try waitUntil("all have been asked for") { engine.proxy.blobRequests.count >= 4 }
        try waitUntil("none is kept") { engine.opener.expectedCount == 0 }
        _ = try await engine.opener.open(layers[1].descriptor, of: engine.reference)
        try await engine.end()
    }

    @Test(
        "a hint of the manifest that is wrong costs a request, and nothing else",
        arguments: ["99999999999:0:SIZE", "0:0:SIZE", "100:50:SIZE", "x", "1:2:3", "1:0:200", "5", "5:5"], [true, false])
    func wrongHint(text: String, sizeIsKnown: Bool) async throws {
        var test = try layers(1)[0]
        let text = text.replacing("SIZE", with: String(test.descriptor.size))
        if !sizeIsKnown { test.descriptor.size = 0 }
        test.descriptor.annotations?[Annotation.openingHint] = text
        let engine = try await EngineFixture(test)
        #expect(await engine.readAll().isEmpty)
        try await engine.end()
    }
}
