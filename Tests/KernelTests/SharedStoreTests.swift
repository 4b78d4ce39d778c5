import ChunkStore
import Compression
import EStargz
import FetchEngine
import HostSystem
import Logging
import Synchronization
import Tar
import TestSupport
import Testing
import Threads
import TreeImage

@Suite("processes that share a store", .serialized)
struct SharedStoreTests {
    /// One process' view of the store: its own mapping of the bitmap, its own engine.
    private struct Reader {
        let layer: LazyLayer
        let fetcher: ChunkFetcher

        init(root: String, blob: ChoppedLayer) throws {
            let store = try LayerStore(root: root)
            let facts = LayerFacts(tocDigest: blob.layer.tocDigest, blobSize: UInt64(blob.bytes.count), format: "estargz")
            let stored = try store.add(blob.layer.digest, blob.compiled, facts: facts)
            layer = LazyLayer(stored: stored, source: MemoryBlob(blob.bytes))
            fetcher = try ChunkFetcher(store: store, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
    }

    @Test("every read is answered, although chunks appear that another process has fetched")
    func race() throws {
        let blob = try ChoppedLayer()
        for round in 0..<40 {
            let directory = try TemporaryDirectory()
            let readers = try (0..<3).map { _ in try Reader(root: directory.path, blob: blob) }
            let count = readers[0].layer.stored.chunks.count
            let answered = Monitor((count: 0, failures: 0))
            for reader in readers {
                try NativeThread.start(name: "reader") {
                    for index in (0..<count).shuffled() {
                        reader.fetcher.demand(index...index, of: reader.layer) { result in
                            answered.update { state in
                                state.count += 1
                                if case .failure = result { state.failures += 1 }
                            }
                        }
                    }
                }.detach()
            }
            try waitUntil("round \(round): all reads are answered") { answered.update { $0.count } == 3 * count }
            #expect(answered.update { $0.failures } == 0)
            // Two that begin at the same moment may both find that nobody has claimed what the other has just brought.
            let fetched = readers.reduce(0) { $0 + $1.layer.statistics.snapshot.fetchedBytes }
            #expect(fetched <= UInt64(blob.bytes.count) * 11 / 10, "round \(round): \(fetched) of \(blob.bytes.count) bytes")
            for reader in readers {
                #expect(reader.layer.stored.bytesPresent == reader.layer.stored.chunks.contentBytes)
                reader.fetcher.shutdown()
            }
        }
    }
}

/// The fixture's layer with chunks of 4 KiB, some five thousand of them.
private struct ChoppedLayer {
    let bytes: [UInt8]
    let layer: EStargzLayer
    let compiled: CompiledLayer

    private final class Output: BlobOutput {
        let bytes = Mutex<[UInt8]>([])
        func write(_ piece: UnsafeRawBufferPointer) { bytes.withLock { $0.append(contentsOf: piece) } }
    }

    private final class Input: TarInput {
        private let reader: DecompressingReader

        init(_ path: String) throws {
            let file = try FileInput(path)
            reader = try DecompressingReader { file.read(into: $0) }
        }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try reader.read(into: buffer) }
    }

    init() throws {
        let output = Output()
        let options = EStargzWriter.Options(chunkSize: 4 << 10)
        let writer = try EStargzWriter(options: options, pool: MemberPool(jobs: 2, level: 1), output: output)
        try writer.appendArchive(TarReader(Input(Fixtures.path("a-layer.tar.gz"))))
        layer = try writer.finish()
        bytes = output.bytes.withLock { $0 }
        let offset = Int(layer.tocOffset)
        let json = try Array(bytes[offset...]).withUnsafeBytes { try TOCBlob.extract(tocMember: $0) }
        compiled = try LayerCompiler.compile(
            toc: json.withUnsafeBytes { try TOCParser.parse($0) }, blobSize: UInt64(bytes.count), payloadEnd: UInt64(offset),
            compression: .gzip)
    }
}
