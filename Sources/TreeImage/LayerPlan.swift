internal import EROFS
internal import EStargz

/// A layer between its TOC and its files: names are resolved and contents have their places. The two files that are made of it need nothing of
/// each other.
struct LayerPlan: Sendable {
    private let builder: TreeBuilder
    /// Nodes of the tree that have a name.
    private let order: [Int32]
    private let placement: ContentPlacement
    private let blobSize: UInt64
    private let payloadEnd: UInt64
    private let compression: ChunkCompression

    init(_ toc: TOC, blobSize: UInt64, payloadEnd: UInt64, compression: ChunkCompression) throws(TreeImageError) {
        var builder = TreeBuilder(toc)
        try builder.build()
        self.builder = builder
        order = builder.reachable()
        placement = try ContentPlacement(toc, files: builder.regularFiles(order) + LayerPlan.repetitions(toc))
        (self.blobSize, self.payloadEnd, self.compression) = (blobSize, payloadEnd, compression)
    }

    /// Entry indexes of the files before the landmark that repeat parts of others: no names of the tree, but contents to be fetched.
    private static func repetitions(_ toc: TOC) -> [Int] {
        guard let landmark = toc.entries.firstIndex(where: { TOCName.isRoot($0.name, TOC.prefetchLandmark) }) else { return [] }
        return (0..<landmark).filter { index in
            let entry = toc.entries[index]
            return entry.kind == .regular && entry.size > 0 && TOC.cleanName(entry.name).hasPrefix(TOC.rangesPrefix)
        }
    }

    /// The tree's image.
    func tree() throws(TreeImageError) -> (erofs: [UInt8], inodeCount: Int) {
        do {
            let tree = try builder.tree(order, contentOffsets: placement.offsets, contentSize: placement.size)
            return (try EROFSWriter.image(of: tree), tree.nodes.count)
        } catch {
            throw .tree(error.description)
        }
    }

    /// The chunk map.
    func chunks() throws(TreeImageError) -> (map: [UInt8], count: Int) {
        let table = try ChunkTable(builder.toc, placement, blobSize: blobSize, payloadEnd: payloadEnd)
        let map = ChunkMapWriter.bytes(
            table.chunks, contentSize: placement.size, blobSize: blobSize, prefetchEnd: table.prefetchEnd, compression: compression)
        return (map, table.chunks.count)
    }

    /// What both make together.
    func layer(_ chunks: (map: [UInt8], count: Int), _ tree: (erofs: [UInt8], inodeCount: Int)) -> CompiledLayer {
        CompiledLayer(
            erofs: tree.erofs, chunkMap: chunks.map, contentSize: placement.size, chunkCount: chunks.count, inodeCount: tree.inodeCount,
            hidesLowerFiles: builder.hidesLowerFiles(order))
    }
}
