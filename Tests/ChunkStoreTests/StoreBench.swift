import ChunkStore
import Digests
import EStargz
import HostSystem
import TreeImage

/// A store in a directory of its own, and layers of small files for it.
struct StoreBench {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory(prefix: "store-") }

    func open() throws -> LayerStore { try LayerStore(root: directory.path) }

    func path(_ layer: Digest) -> String { directory.path + "/layers/" + layer.hex }

    /// Content of a file of a size.
    static func content(_ seed: Int, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) } }

    /// A layer of one file per content.
    static func compile(_ contents: [[UInt8]]) throws -> (layer: CompiledLayer, facts: LayerFacts) {
        var entries: [TOCEntry] = []
        for (index, content) in contents.enumerated() {
            var entry = TOCEntry(name: "file-\(index)", kind: .regular)
            entry.size = Int64(content.count)
            entry.offset = Int64(1000 * (index + 1))
            entry.chunkDigest = Digest.sha256(content)
            entries.append(entry)
        }
        let toc = TOC(entries: entries)
        let size = UInt64(1000 * (contents.count + 2))
        let layer = try LayerCompiler.compile(toc: toc, blobSize: size, payloadEnd: size, compression: .gzip)
        return (layer, LayerFacts(tocDigest: Digest.sha256(TOCSerializer.json(toc)), blobSize: size, format: "estargz"))
    }

    static func digest(_ name: String) -> Digest { Digest.sha256(Array(name.utf8)) }
}

extension StoredLayer {
    func store(_ bytes: [UInt8], chunk index: Int) throws { try bytes.withUnsafeBytes { try store($0, chunk: index) } }

    /// Bytes of a chunk as they stand in the content file.
    func bytes(_ index: Int) throws -> [UInt8] {
        let chunk = chunks.chunk(index)
        var bytes = [UInt8](repeating: 0xee, count: Int(chunk.size))
        let count = try bytes.withUnsafeMutableBytes { try content.read(at: chunk.contentOffset, into: $0) }
        return Array(bytes[..<count])
    }
}
