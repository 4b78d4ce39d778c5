import ChunkStore
import Conversion
import EStargz
import FetchEngine
import HostSystem
import LazyFS
import OCI
import Registry
import TestSupport
import Testing
import Threads
import TreeImage

@Suite("parts of large files before the landmark", .serialized)
struct RepetitionTests {
    private typealias Node = RegistryImageTests.Node

    /// In `big/exact4m`, of 4 MiB: some pages in its middle, and its end.
    private static let spans = [FileAccess.Span(offset: 1_000_000, size: 70_000), FileAccess.Span(offset: (4 << 20) - 5000, size: 5000)]

    static let formats: [EStargzWriter.Options] = [
        .init(), .init(chunkSize: 10_000), .init(minimumChunkSize: 50_000), .init(format: .externalTOC(keepsDiffID: false)),
        .init(format: .zstdChunked),
    ]

    private func convert(_ node: Node, _ options: EStargzWriter.Options, _ accesses: [FileAccess]) async throws -> ConvertedLayer {
        let layout = try TestImages.awkward(in: node.directory.path)
        let options = ConversionOptions(writer: options, priorities: Priorities(AccessRecord(accesses)))
        let destination = RegistryDestination(client: node.client, reference: node.reference)
        let source = OCILayoutSource(directory: layout, tag: nil)
        return try await ImageConverter(options: options).convert(from: source, to: destination).images[0].layers[0]
    }

    private func read(_ path: String, _ span: FileAccess.Span) async throws -> [UInt8] {
        try await BlockingTask.run {
            var bytes = [UInt8](repeating: 0, count: Int(span.size))
            let file = try OpenFile(path)
            let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: span.offset) }
            #expect(count == bytes.count)
            return bytes
        }
    }

    @Test("are prefetched, and then read with no request; the rest of the file stays where it was", arguments: formats.indices)
    func prefetched(format: Int) async throws {
        let node = try Node(tag: "ranges")
        let accesses = [
            FileAccess(path: "big/exact4m", ranges: [Self.spans[0]]), FileAccess(path: "etc/conf"),
            FileAccess(path: "big/exact4m", ranges: [Self.spans[1]]),
        ]
        let layer = try await convert(node, Self.formats[format], accesses)
        let opened = try await node.node.open(layer.result, of: node.reference)
        let chunks = opened.layer.stored.chunks
        let front = (0..<chunks.count).filter(chunks.isInFront)
        let repeating = front.filter { chunks.original(of: $0) != nil }
        #expect(
            repeating.count >= 2
                && repeating.allSatisfy { chunks.original(of: $0).map { chunks.chunk($0).digest } == chunks.chunk($0).digest })
        // In the order of reads, and not file by file.
        #expect(front.contains { !repeating.contains($0) && repeating[0] < $0 && $0 < repeating[repeating.count - 1] })
        #expect(front.reduce(0) { $0 + chunks.chunk($1).size } < 200_000)
        try waitUntil("what is before the landmark is here") { front.allSatisfy { opened.layer.stored.isPresent($0) } }
        let asked = opened.layer.statistics.snapshot.requests
        let path = try #require(opened.directory) + "/big/exact4m"
        let whole = try whole
        #expect(whole.count == 4 << 20)
        for span in Self.spans { #expect(try await read(path, span) == Array(whole[Int(span.offset)..<Int(span.offset + span.size)])) }
        // The kernel reads ahead in a file that is read from a place in it: not behind its end.
        let counts = opened.layer.statistics.snapshot
        #expect(counts.requests - asked <= 1, "\(counts)")
        // Of chunks that are the same, one counts.
        #expect(opened.layer.use.prefetched.hitBytes > 10_000)
        // Nothing else has changed.
        let differences = try await BlockingTask.run {
            try TreeListing(#require(opened.directory)).comparable().differences(from: UnpackedLayer().listing)
        }
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        try node.unpack(as: layer.result.mediaType)
        try await node.end()
    }

    /// The file's content, from the layer as anybody unpacks it.
    private var whole: [UInt8] {
        get throws { try run("tar", ["-xOzf", Fixtures.path("a-layer.tar.gz"), "--wildcards", "*big/exact4m"]).output }
    }
}
