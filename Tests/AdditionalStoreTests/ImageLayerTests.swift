import Digests
import OCI
import Testing

@testable import AdditionalStore

@Suite("a layer as containers/storage sees it")
struct ImageLayerTests {
    private let blob = Digest(hex: String(repeating: "1", count: 64))
    private let diff = Digest(hex: String(repeating: "2", count: 64))
    private let toc = Digest(hex: String(repeating: "3", count: 64))

    private func layer(_ type: String, _ annotations: [String: String]) throws -> ImageLayer {
        let descriptor = Descriptor(mediaType: type, digest: try #require(blob), size: 77, annotations: annotations)
        return ImageLayer(descriptor: descriptor, diffID: try #require(diff))
    }

    @Test("info has digests and sizes under containers/storage's names, and the number that it gives to the compression")
    func info() throws {
        let layer = try layer(
            MediaType.layerGzip, [Annotation.uncompressedSize: "4096", Annotation.tocDigest: "\(try #require(toc))"])
        #expect(
            String(decoding: layer.info, as: UTF8.self)
                == #"{"compressed-diff-digest":"sha256:\#(String(repeating: "1", count: 64))","compressed-size":77,"compression":2,"#
                + #""diff-digest":"sha256:\#(String(repeating: "2", count: 64))","diff-size":4096,"#
                + #""toc-digest":"sha256:\#(String(repeating: "3", count: 64))"}"#)
    }

    @Test(
        "a layer is named by its own digest, or by that of its TOC in either format",
        arguments: [Annotation.tocDigest, Annotation.zstdChunkedChecksum])
    func names(annotation: String) throws {
        let layer = try layer(MediaType.layerZstd, [annotation: "\(try #require(toc))"])
        let (blob, toc, diff) = (try #require(blob), try #require(toc), try #require(diff))
        #expect(layer.isNamed(blob) && layer.isNamed(toc) && !layer.isNamed(diff))
        #expect(String(decoding: layer.info, as: UTF8.self).contains(#""compression":4"#))
    }
}
