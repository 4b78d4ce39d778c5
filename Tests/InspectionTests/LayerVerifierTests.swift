import Conversion
import Digests
import EStargz
import HostSystem
import Inspection
import OCI
import TestSupport
import Testing

@Suite("verifying and comparing images")
struct LayerVerifierTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func convert(_ writer: EStargzWriter.Options = EStargzWriter.Options()) async throws -> (plain: String, converted: String) {
        let plain = try TestImages.awkward(in: directory.path)
        let converted = directory.path + "/converted"
        let options = ConversionOptions(writer: writer, temporaryDirectory: directory.path)
        _ = try await ImageConverter(options: options).convert(
            from: OCILayoutSource(directory: plain, tag: nil), to: OCILayoutDestination(directory: converted, tag: "x"))
        return (plain, converted)
    }

    private func verify(_ layout: String) async throws -> LayerVerifier.Outcome {
        try await LayerVerifier(OCILayoutSource(directory: layout, tag: "x"), platform: .current).verify(0)
    }

    private func manifest(_ layout: String) async throws -> Manifest {
        try await PlatformImage(source: OCILayoutSource(directory: layout, tag: "x"), platform: .current).manifest
    }

    static let formats: [(EStargzWriter.Options, String)] = [
        (.init(), "estargz"), (.init(format: .zstdChunked), "zstd:chunked"),
        (.init(format: .externalTOC(keepsDiffID: true)), "estargz-external-toc"),
    ]

    @Test("a converted image is right, chunk by chunk, in every format, and unpacks to the source's tree", arguments: formats.indices)
    func right(format: Int) async throws {
        let (plain, converted) = try await convert(Self.formats[format].0)
        let outcome = try await verify(converted)
        #expect(outcome.format == Self.formats[format].1 && outcome.chunkCount > 10)
        let comparison = try await TreeComparison(
            OCILayoutSource(directory: plain, tag: nil), OCILayoutSource(directory: converted, tag: "x"), platform: .current)
        #expect(try await comparison.differences(layer: 0).isEmpty)
    }

    @Test("a changed byte of the blob is found and the layer named")
    func changedBlob() async throws {
        let (_, converted) = try await convert()
        let layer = try await manifest(converted).layers[0]
        let path = converted + "/blobs/sha256/" + layer.digest.hex
        var blob = try Files.read(path, limit: 1 << 28)
        blob[blob.count / 2] ^= 1
        try AtomicFile.write(blob, to: path)
        let error = await #expect(throws: InspectionError.self) { try await verify(converted) }
        #expect(error?.description.hasPrefix("layer 1 of 1 (\(layer.digest)): ") == true)
    }

    @Test("an annotation, a diffID or a chunk digest that is wrong is found, though the blob is what its digest says")
    func changedDocuments() async throws {
        let (_, converted) = try await convert()
        let original = try await manifest(converted)
        var wrongTOC = original
        wrongTOC.layers[0].annotations?[Annotation.tocDigest] = Digest.sha256([1]).description
        let config = Array(#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["\#(Digest.sha256([2]))"]}}"#.utf8)
        var wrongConfig = original
        wrongConfig.config = Descriptor(mediaType: MediaType.config, digest: Digest.sha256(config), size: Int64(config.count))
        try AtomicFile.write(config, to: converted + "/blobs/sha256/" + wrongConfig.config.digest.hex)
        for (manifest, reason) in [
            (wrongTOC, "the manifest says \(Digest.sha256([1]))"), (wrongConfig, "the configuration says \(Digest.sha256([2]))"),
        ] {
            try TestImages.replaceManifest(in: converted, with: Documents.encode(manifest))
            let error = await #expect(throws: InspectionError.self) {
                try await LayerVerifier(OCILayoutSource(directory: converted, tag: nil), platform: .current).verify(0)
            }
            #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        }
    }

    @Test("differences between trees are told by path")
    func differences() async throws {
        let one = try TestImages.busybox(
            in: directory.path + "/one", files: [.init("etc/same", "x"), .init("etc/changed", "1"), .init("etc/mode", "m")])
        let two = try TestImages.busybox(
            in: directory.path + "/two",
            files: [.init("etc/same", "x"), .init("etc/changed", "22"), .init("etc/mode", "m", mode: 0o600), .init("new", "n")])
        let comparison = try await TreeComparison(
            OCILayoutSource(directory: one, tag: nil), OCILayoutSource(directory: two, tag: nil), platform: .current)
        // Times differ everywhere: both were made just now.
        let lines = try await comparison.differences(layer: 0).filter { !$0.contains("another time") }
        #expect(
            lines == [
                "etc/changed: has 1 bytes, in the second image 2", "etc/mode: has mode 644, in the second image 600",
                "new: only in the second image",
            ])
    }

    @Test("files of a lazy image are read by their chunks, and a link or a directory is no file")
    func reading() async throws {
        let (_, converted) = try await convert(EStargzWriter.Options(chunkSize: 1 << 20, minimumChunkSize: 100_000))
        let image = try await LazyImage(OCILayoutSource(directory: converted, tag: "x"), platform: .current)
        var count = 0
        try await image.read("/big/10m.bin") { count += $0.count }
        #expect(count == 10_485_883)
        await #expect(throws: InspectionError.self) { try await image.read("big") { _ in } }
        await #expect(throws: InspectionError.self) { try await image.read("none") { _ in } }
        // An ordinary image says which layer is not lazy.
        let plain = OCILayoutSource(directory: directory.path + "/layout", tag: nil)
        let error = await #expect(throws: InspectionError.self) { try await LazyImage(plain, platform: .current) }
        #expect(error?.description.hasPrefix("layer 1 of 1 (sha256:") == true)
    }
}
