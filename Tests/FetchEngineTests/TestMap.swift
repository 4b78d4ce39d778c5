import Digests
import EStargz
import HostSystem
import TreeImage

/// A chunk map of files of one chunk each, on disk as long as it lives.
final class TestMap {
    let map: ChunkMap
    private let directory: TemporaryDirectory

    /// - Parameters:
    ///   - members: compressed sizes of the members in the blob's order; the first begins at offset 1000.
    ///   - chunksPerMember: payloads that share each member.
    init(members: [UInt64], chunksPerMember: Int = 1) throws {
        directory = try TemporaryDirectory(prefix: "map-")
        var entries: [TOCEntry] = []
        var offset: UInt64 = 1000
        for (index, size) in members.enumerated() {
            for inner in 0..<chunksPerMember {
                var entry = TOCEntry(name: "f\(index)-\(inner)", kind: .regular)
                entry.size = 10
                entry.offset = Int64(offset)
                entry.innerOffset = Int64(inner) * 100
                entry.chunkDigest = Digest.sha256([UInt8(truncatingIfNeeded: index), UInt8(inner)])
                entries.append(entry)
            }
            offset += size
        }
        let compiled = try LayerCompiler.compile(toc: TOC(entries: entries), blobSize: offset, payloadEnd: offset, compression: .gzip)
        try AtomicFile.write(compiled.chunkMap, to: directory.path + "/chunks")
        map = try ChunkMap(path: directory.path + "/chunks")
    }
}
