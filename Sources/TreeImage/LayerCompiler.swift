internal import Digests
internal import EROFS
public import EStargz

// TreeImage: a layer's TOC compiled once into two immutable files that are mapped and never parsed again.
//
//   TOC ─▶ TreeBuilder (names, parents, links, whiteouts) ─▶ ChunkTable (chunks checked, content offsets assigned) ─▶ EROFS image + chunk map
//   trees of a chain, the lowest first ─▶ TreeMerger ─▶ one EROFS image, content device k = layer k
//
// Everything a hostile TOC could try is refused here, so that nothing that reads the result has to think about it: LayerTree and
// ChunkMap only look up. The room opens no sockets, mounts nothing and decompresses nothing.

/// A layer compiled.
public struct CompiledLayer: Sendable {
    /// The tree: an EROFS image without file data.
    public let erofs: [UInt8]
    /// The chunk map's file.
    public let chunkMap: [UInt8]
    /// Size of the content file: where the last file's bytes end, rounded up to 4 KiB.
    public let contentSize: UInt64
    /// Number of chunks.
    public let chunkCount: Int
    /// Number of inodes.
    public let inodeCount: Int
}

/// How the members of a layer are compressed.
public enum ChunkCompression: UInt32, Sendable {
    /// Gzip members.
    case gzip = 0
    /// Zstandard frames.
    case zstd = 1
}

/// Compiles TOCs.
public enum LayerCompiler {
    /// Compiles one layer's TOC.
    ///
    /// - Parameters:
    ///   - toc: the verified TOC.
    ///   - blobSize: size of the blob in bytes.
    ///   - payloadEnd: where the last payload's member ends at the latest: the TOC's offset, or the blob's size when the TOC is elsewhere.
    ///   - compression: of the blob's members.
    /// - Throws: `TreeImageError`, with the path of the entry that is wrong.
    public static func compile(
        toc: TOC, blobSize: UInt64, payloadEnd: UInt64, compression: ChunkCompression
    ) throws(TreeImageError) -> CompiledLayer {
        var builder = TreeBuilder(toc)
        try builder.build()
        let table = try ChunkTable(toc, files: builder.regularFiles(), blobSize: blobSize, payloadEnd: payloadEnd)
        let (erofs, inodeCount): ([UInt8], Int)
        do {
            let tree = try builder.tree(contentOffsets: table.contentOffsets, contentSize: table.contentSize)
            (erofs, inodeCount) = (try EROFSWriter.image(of: tree), tree.nodes.count)
        } catch {
            throw .tree(error.description)
        }
        let map = ChunkMapWriter.bytes(
            table.chunks, contentSize: table.contentSize, blobSize: blobSize, prefetchEnd: table.prefetchEnd, compression: compression)
        return CompiledLayer(
            erofs: erofs, chunkMap: map, contentSize: table.contentSize, chunkCount: table.chunks.count, inodeCount: inodeCount)
    }
}
