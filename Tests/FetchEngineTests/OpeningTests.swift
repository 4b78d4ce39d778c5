import ChunkStore
import Digests
import EStargz
import HostSystem
import OCI
import Registry
import TestSupport
import Testing
import TreeImage

@testable import FetchEngine

@Suite("opening the layers of an image", .serialized)
struct OpeningTests {
    private func layers(_ count: Int, _ format: LayerFormat = .estargz) throws -> [TestLayer] {
        try (0..<count).map { try TestLayer(sizes: (0..<300).map { 100 + $0 * 10 }, seed: UInt64($0 + 1), format: format) }
    }

    /// A layer as containerd's labels tell of it: neither size nor media type, and of the annotations those that are labels.
    private func told(of layer: TestLayer) -> Descriptor {
        Descriptor(mediaType: MediaType.layerGzip, digest: layer.descriptor.digest, size: 0, annotations: layer.descriptor.annotations)
    }

    @Test("a layer whose manifest says where the TOC is takes one request", arguments: [LayerFormat.estargz, .zstdChunked])
    func oneRequest(format: LayerFormat) async throws {
        let layers = try layers(2, format)
        let engine = try await EngineFixture(layers[0])
        try await EngineFixture.push(layers[1], to: engine.registry.address)
        let before = engine.proxy.blobRequests.count
        let layer = try await engine.opener.open(told(of: layers[1].hinted), of: engine.reference)
        #expect(layer.stored.facts.blobSize == UInt64(layers[1].blob.count) && layer.stored.chunks.count == 300)
        #expect(engine.proxy.blobRequests.count == before + 1)
        try await engine.end()
    }

    @Test(
        "layers that are expected need no request any more when they are opened, and are verified then",
        arguments: [LayerFormat.estargz, .zstdChunked])
    func expected(format: LayerFormat) async throws {
        let (first, others) = (try layers(1, format)[0], Array(try layers(4, format).dropFirst()))
        let engine = try await EngineFixture(first)
        for other in others { try await EngineFixture.push(other, to: engine.registry.address) }
        engine.opener.expect(others.map(\.descriptor.digest), of: engine.reference)
        try waitUntil("all have been asked for") { engine.proxy.blobRequests.count >= 1 + others.count }
        for other in others {
            let layer = try await engine.opener.open(told(of: other), of: engine.reference)
            #expect(layer.stored.facts.blobSize == UInt64(other.blob.count) && layer.stored.chunks.count == 300)
        }
        #expect(engine.proxy.blobRequests.count == 1 + others.count)
        try await engine.end()
    }

    @Test("an expected layer is made aside, where nobody finds it, until it is opened; one that is not opened leaves nothing")
    func aside() async throws {
        let layers = try layers(3)
        var options = EngineFixture.openingOptions
        options.keptFor = .seconds(2)
        let engine = try await EngineFixture(layers[0], opening: options)
        for other in layers.dropFirst() { try await EngineFixture.push(other, to: engine.registry.address) }
        engine.opener.expect(layers.dropFirst().map(\.descriptor.digest), of: engine.reference)
        func names() throws -> (found: [String], aside: [String]) {
            let names = try Files.entries(engine.directory.path + "/layers")
            return (names.filter { !$0.hasPrefix(".") }, names.filter { $0.hasPrefix(".new-") })
        }
        try waitUntil("both are made") { try names().aside.count == 2 }
        #expect(try names().found == [layers[0].descriptor.digest.hex])
        _ = try await engine.opener.open(layers[1].descriptor, of: engine.reference)
        #expect(try names().found.count == 2)
        try waitUntil("the other is gone") { try names().aside.isEmpty }
        #expect(engine.opener.expectedCount == 0)
        try await engine.end()
    }

    @Test(
        "a TOC of which the manifest promises nothing, for it is of another kind or of other bytes, is refused, fetched ahead or not",
        arguments: [false, true], [LayerFormat.estargz, .zstdChunked])
    func otherKind(isExpected: Bool, format: LayerFormat) async throws {
        let layers = try layers(2, format)
        let engine = try await EngineFixture(layers[0])
        try await EngineFixture.push(layers[1], to: engine.registry.address)
        var told = layers[1].descriptor
        told.annotations = [Annotation.zstdChunkedChecksum: Digest.sha256([1]).description]
        if isExpected {
            engine.opener.expect([told.digest], of: engine.reference)
            try waitUntil("it has been asked for") { engine.proxy.blobRequests.count >= 2 }
        }
        await #expect(throws: LayerRefusal.self) { try await engine.opener.open(told, of: engine.reference) }
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

    @Test("a TOC is believed without its digest only where the options say so")
    func trust() async throws {
        let layers = try layers(2)
        for (trust, label, digest, isBelieved) in [
            (TOCTrust.verified, true, nil, false), (.labelled, false, nil, false), (.labelled, true, nil, true),
            (.labelled, true, Digest.sha256([1]), false), (.anything, false, nil, true), (.anything, false, Digest.sha256([1]), true),
        ] {
            var options = EngineFixture.openingOptions
            options.trust = trust
            let engine = try await EngineFixture(layers[0], opening: options)
            try await EngineFixture.push(layers[1], to: engine.registry.address)
            var told = layers[1].descriptor
            told.annotations?[Annotation.tocDigest] = digest?.description
            if label { told.annotations?[Annotation.skipVerify] = "true" }
            do throws(LayerRefusal) {
                let layer = try await engine.opener.open(told, of: engine.reference)
                #expect(isBelieved && layer.stored.chunks.count == 300)
            } catch {
                #expect(!isBelieved, "\(error)")
            }
            try await engine.end()
        }
    }

    @Test("bytes to prefetch are for layers that say nothing themselves, and a label knows better")
    func prefetchSize() async throws {
        let sizes = (0..<20).map { 1000 + $0 }
        var policy = PrefetchPolicy()
        policy.size = 5000
        let silent = try TestLayer(sizes: sizes, hasLandmark: false)
        let engine = try await EngineFixture(silent)
        #expect(policy.end(of: engine.layer.stored, silent.descriptor) == 5000)
        #expect(PrefetchPolicy.none.end(of: engine.layer.stored, silent.descriptor) == 0)
        var labelled = silent.descriptor
        labelled.annotations?[Annotation.prefetchSize] = "999999999"
        #expect(policy.end(of: engine.layer.stored, labelled) == UInt64(silent.blob.count))
        labelled.annotations?[Annotation.prefetchSize] = "70"
        #expect(policy.end(of: engine.layer.stored, labelled) == 70)
        try await engine.end()
        for prioritized in [0, 3] {
            let speaking = try TestLayer(sizes: sizes, prioritized: prioritized)
            let engine = try await EngineFixture(speaking)
            #expect(policy.end(of: engine.layer.stored, speaking.descriptor) == engine.layer.stored.chunks.prefetchEnd)
            #expect((engine.layer.stored.chunks.prefetchEnd > 0) == (prioritized > 0))
            try await engine.end()
        }
    }
}
