internal import ChunkStore
public import Digests
internal import FetchEngine
public import OCI
internal import TreeImage

extension LazyNode {
    /// Fetches what a start is likely to read, in this order, before anybody asks for it; what landmarks say of these layers counts no more. Nobody
    /// waits for it. Takes some microseconds a file.
    ///
    /// - Parameters:
    ///   - accesses: files of the image, the first ones first; those of layers that are not open are passed over.
    ///   - digests: of the image's layers, lowest first.
    ///   - layers: those of them that are open.
    public func expect(_ accesses: [FileAccess], _ digests: [Digest], of layers: [Opened]) {
        for opened in layers {
            let layer = opened.layer
            guard let place = digests.firstIndex(of: layer.digest) else { continue }
            let wanted = accesses.enumerated().filter { $0.element.layerIndex == place }
            guard !wanted.isEmpty else { continue }
            replacePrefetch(
                of: layer,
                by: wanted.flatMap { order, access in
                    LazyNode.chunks(access, in: layer).map { ExpectedChunks($0, order: ReadOrder.first.child(order)) { _ in } }
                })
        }
    }

    /// The chunks that hold what is read of a file; none when the layer has no such file.
    private static func chunks(_ access: FileAccess, in layer: LazyLayer) -> [ClosedRange<Int>] {
        let (tree, map) = (layer.stored.tree, layer.stored.chunks)
        guard let node = tree.resolve("/" + access.path), let file = tree.attributes(of: node), ContentPlace(tree, node) != nil else {
            return []
        }
        let spans = access.ranges.map(FileAccess.Span.union) ?? [FileAccess.Span(offset: 0, size: Int64(clamping: file.size))]
        return spans.compactMap { span in
            let end = min(UInt64(span.offset) + UInt64(span.size), file.size)
            guard UInt64(span.offset) < end, let first = map.index(containing: file.contentOffset + UInt64(span.offset)),
                let last = map.index(containing: file.contentOffset + end - 1), first <= last
            else { return nil }
            return first...last
        }
    }
}
