internal import Digests
internal import EROFS
public import EStargz

// TreeImage: a layer's TOC compiled once into two immutable files that are mapped and never parsed again.
//
//   TOC ─▶ LayerPlan: TreeBuilder (names, parents, links, whiteouts), ContentPlacement (where files' bytes go) ─┬▶ EROFS image
//                                                                                 ChunkTable (chunks checked) └▶ chunk map
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
    /// Whether the tree hides files of layers below (`LayerTree.hidesLowerFiles`).
    public let hidesLowerFiles: Bool
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
        let plan = try LayerPlan(toc, blobSize: blobSize, payloadEnd: payloadEnd, compression: compression)
        return plan.layer(try plan.chunks(), try plan.tree())
    }

    /// Files from which on a second thread does more than to have it woken costs.
    private static let manyFiles = 1000

    /// Compiles one layer's TOC like `compile`, a large one on two threads.
    public static func compileOnTwoThreads(
        toc: TOC, blobSize: UInt64, payloadEnd: UInt64, compression: ChunkCompression
    ) async throws(TreeImageError) -> CompiledLayer {
        let plan = try LayerPlan(toc, blobSize: blobSize, payloadEnd: payloadEnd, compression: compression)
        guard toc.entries.count >= LayerCompiler.manyFiles else { return plan.layer(try plan.chunks(), try plan.tree()) }
        async let chunks = Result { () throws(TreeImageError) in try plan.chunks() }
        let tree = Result { () throws(TreeImageError) in try plan.tree() }
        // What is wrong with both is told as `compile` tells it.
        return plan.layer(try await chunks.get(), try tree.get())
    }
}
