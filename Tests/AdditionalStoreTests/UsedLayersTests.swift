import Digests
import HostSystem
import Logging
import OCI
import Testing

@testable import AdditionalStore

@Suite("layers in use")
struct UsedLayersTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory(in: Paths.spoolDirectory) }

    private func open() throws -> UsedLayers { try UsedLayers(directory: directory.path, log: Logger(label: "test")) }

    private func key(_ image: String) throws -> LayerKey {
        LayerKey(image: try Reference(parsing: image), digest: try Digest(parsing: "sha256:" + String(repeating: "1", count: 64)))
    }

    private func layer(_ key: LayerKey) -> ImageLayer {
        ImageLayer(
            descriptor: Descriptor(mediaType: MediaType.layerGzip, digest: key.digest, size: 1, annotations: ["a": "b"]), diffID: key.digest
        )
    }

    @Test("uses are counted, and known to the next process until the last one ends")
    func counts() throws {
        let key = try key("app:1")
        let used = try open()
        try used.add(layer(key), as: key)
        try used.add(layer(key), as: key)
        try used.remove(key)
        let next = try open()
        #expect(next.records == [UsedLayers.Record(key: key, layer: layer(key), uses: 1)])
        #expect(next.isUsed(key.digest) && next.layer(key) == layer(key))
        try next.remove(key)
        #expect(!next.isUsed(key.digest) && next.records.isEmpty)
        #expect(try Files.entries(directory.path).isEmpty)
        try next.remove(key)
    }

    @Test("a layer that two images have is used until both have ended")
    func shared() throws {
        let used = try open()
        let (first, second) = (try key("app:1"), try key("other:1"))
        try used.add(layer(first), as: first)
        try used.add(layer(second), as: second)
        try used.remove(first)
        #expect(used.isUsed(first.digest))
        try used.remove(second)
        #expect(!used.isUsed(first.digest))
    }

    @Test("a damaged note, and one that was not finished, are dropped, and the others are not", arguments: ["x.json", "y.json.tmp-1"])
    func damaged(name: String) throws {
        let key = try key("app:1")
        try open().add(layer(key), as: key)
        try AtomicFile.write(Array("{".utf8), to: directory.path + "/" + name)
        #expect(try open().records.map(\.key) == [key])
        #expect(try Files.entries(directory.path).count == 1)
    }
}
