internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import Metrics
public import StartTrace
internal import TreeImage

/// A lazy layer as the record of a start has it: its counts, and the names of the files that were read.
public struct TracedLayer {
    private let layer: LazyLayer
    private let index: FileIndex

    /// Files that are named of one read, and of a layer's waste.
    private static let mostFiles = 8
    private static let mostWasted = 20

    /// Looks at the layer's tree: some milliseconds.
    public init(_ opened: LazyNode.Opened) {
        layer = opened.layer
        index = FileIndex(opened.layer.stored.tree)
    }

    /// What is to be said of it now.
    public var facts: TraceLayer {
        let (stored, counts, ahead) = (layer.stored, layer.statistics.snapshot, layer.use.prefetched)
        var facts = TraceLayer(digest: layer.digest.description, size: stored.facts.blobSize, format: stored.facts.format)
        facts.landmark = stored.chunks.prefetchEnd
        facts.contentBytes = stored.chunks.contentBytes
        facts.reads = layer.operations.read.histogram.counts.reduce(0, +)
        facts.waits = counts.demandMisses
        (facts.hitBytes, facts.wasteBytes) = (ahead.hitBytes, ahead.wasteBytes)
        facts.wasted = wasted
        return facts
    }

    /// Names the files that reads of the layer have read of.
    public func name(_ reads: inout [TraceRead]) {
        for place in reads.indices where reads[place].layer == layer.digest.description {
            reads[place].files = files(from: reads[place].place.offset, size: UInt64(max(0, reads[place].place.size)))
        }
    }

    // Between files are zeros, which a read of the kernel's may take along.
    private func files(from offset: UInt64, size: UInt64) -> [TraceRead.FilePart] {
        let tree = layer.stored.tree
        let parts = index.files(from: ContentPlace(layer: 0, offset: offset), size: size).lazy.compactMap { entry -> TraceRead.FilePart? in
            guard let fileSize = tree.attributes(of: entry.file.node)?.size, entry.place.offset + fileSize > offset,
                let path = tree.path(of: entry.file.node, in: entry.file.directory)
            else { return nil }
            let start = max(offset, entry.place.offset)
            let end = min(offset + size, entry.place.offset + fileSize)
            return TraceRead.FilePart(path: path, offset: start - entry.place.offset, size: end - start, fileSize: fileSize)
        }
        return Array(parts.prefix(TracedLayer.mostFiles))
    }

    private var wasted: [TraceLayer.WastedFile] {
        var bytes: [ContentPlace: UInt64] = [:]
        var files: [ContentPlace: FileIndex.File] = [:]
        for number in layer.use.unread {
            let chunk = layer.stored.chunks.chunk(number)
            guard let entry = index.files(from: ContentPlace(layer: 0, offset: chunk.contentOffset), size: 1).last else { continue }
            bytes[entry.place, default: 0] += chunk.size
            files[entry.place] = entry.file
        }
        return bytes.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(TracedLayer.mostWasted).compactMap { place, bytes in
            guard let file = files[place], let path = layer.stored.tree.path(of: file.node, in: file.directory) else { return nil }
            return TraceLayer.WastedFile(path: path, bytes: bytes)
        }
    }
}
