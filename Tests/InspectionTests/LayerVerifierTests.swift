import Conversion
import Digests
import EStargz
import FetchEngine
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

    /// The converted image with another TOC in its layer, for which all digests are right.
    private func withTOC(_ converted: String, _ change: (inout TOC) throws -> Void) async throws {
        var manifest = try await manifest(converted)
        var layer = manifest.layers[0]
        let source = OCILayoutSource(directory: converted, tag: "x")
        var toc = try await LayerTable.read(layer, of: source).toc
        try change(&toc)
        let json = TOCSerializer.json(toc)
        let work = try TemporaryDirectory()
        try AtomicFile.write(json, to: work.path + "/" + TOC.entryName)
        let blob = try Files.read(converted + "/blobs/sha256/" + layer.digest.hex, limit: 1 << 28)
        guard case .estargz(let offset) = try Footer.parse(blobEnd: Array(blob.suffix(Footer.maximumSize))) else {
            throw TestFailure("no footer")
        }
        try AtomicFile.write(Array(blob[..<Int(offset)]), to: work.path + "/files")
        let script = "(cat files; tar --format=ustar -cf - \(TOC.entryName) | gzip -n) > blob; gunzip -c blob | sha256sum | cut -c1-64"
        let diffID = try Digest(parsing: "sha256:" + run("sh", ["-c", script], workingDirectory: work.path).outputText.prefix(64))
        let changed = try Files.read(work.path + "/blob", limit: 1 << 28) + Footer.estargz(tocOffset: offset).encoded()
        layer.digest = .sha256(changed)
        layer.size = Int64(changed.count)
        layer.annotations?[Annotation.tocDigest] = Digest.sha256(json).description
        let config = Array(#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["\#(diffID)"]}}"#.utf8)
        manifest.layers = [layer]
        manifest.config = Descriptor(mediaType: MediaType.config, digest: Digest.sha256(config), size: Int64(config.count))
        for (digest, bytes) in [(layer.digest, changed), (manifest.config.digest, config)] {
            try AtomicFile.write(bytes, to: converted + "/blobs/sha256/" + digest.hex)
        }
        try TestImages.replaceManifest(in: converted, with: Documents.encode(manifest))
    }

    private static let lies: [(String, @Sendable (inout TOC) throws -> Void)] = [
        ("has mode 644, in the TOC 4755", { $0.entries[try index($0)].mode = 0o4755 }),
        ("in the TOC to 0:7", { $0.entries[try index($0)].gid = 7 }),
        ("has other extended attributes", { $0.entries[try index($0)].xattrs["user.a"] = [1] }),
        ("has another time", { $0.entries[try index($0)].modificationTime = .init(seconds: 1) }),
        ("not in the TOC", { $0.entries.remove(at: try index($0)) }),
        (
            "added: only in the TOC",
            { toc in
                var entry = TOCEntry(name: "added", kind: .symlink)
                entry.linkName = "/etc/shadow"
                toc.entries.append(entry)
            }
        ),
        (
            "bytes, in the TOC",
            { toc in
                // Two files have each other's bytes, which their digests are right for.
                let one = try index(toc)
                let others = toc.entries.indices.filter { other in
                    let entry = toc.entries[other]
                    return other != one && entry.kind == .regular && entry.size > 10 && entry.chunkSize == 0
                }
                guard let two = others.first else { throw TestFailure("no other file") }
                for part in [\TOCEntry.offset, \.innerOffset, \.size] as [WritableKeyPath<TOCEntry, Int64>] {
                    (toc.entries[one][keyPath: part], toc.entries[two][keyPath: part]) = (
                        toc.entries[two][keyPath: part], toc.entries[one][keyPath: part]
                    )
                }
                (toc.entries[one].chunkDigest, toc.entries[two].chunkDigest) = (toc.entries[two].chunkDigest, toc.entries[one].chunkDigest)
            }
        ),
    ]

    /// A regular file in one chunk.
    private static func index(_ toc: TOC) throws -> Int {
        try #require(toc.entries.firstIndex { $0.kind == .regular && $0.mode == 0o644 && $0.size > 10 && $0.chunkSize == 0 })
    }

    @Test("a TOC that tells of other files than the archive is found, though every digest is right", arguments: lies.indices)
    func lyingTOC(number: Int) async throws {
        let (_, converted) = try await convert()
        try await withTOC(converted) { _ in }
        let honest = try await LayerVerifier(OCILayoutSource(directory: converted, tag: nil), platform: .current).verify(0)
        #expect(honest.format == "estargz")
        let (_, another) = try await convert()
        try await withTOC(another, Self.lies[number].1)
        let error = await #expect(throws: InspectionError.self) {
            try await LayerVerifier(OCILayoutSource(directory: another, tag: nil), platform: .current).verify(0)
        }
        #expect(error?.description.contains(Self.lies[number].0) == true, "\(String(describing: error))")
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
