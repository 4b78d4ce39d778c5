internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import Metrics
public import StartTrace
internal import TreeImage

/// A lazy layer as the record of a start has it: its counts, and the names of the files that were read.
public struct TracedLayer {
    private let layer: LazyLayer
    private let content: ContentFiles

    /// Files that are named of one read, and of a layer's waste.
    private static let mostFiles = 8
    private static let mostWasted = 20

    /// Looks at the layer's tree: some milliseconds.
    public init(_ opened: LazyNode.Opened) {
        layer = opened.layer
        content = ContentFiles(opened.layer.stored.tree)
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
        let digest = layer.digest.description
        for place in reads.indices where reads[place].layer == digest {
            reads[place].files = files(from: reads[place].place.offset, size: UInt64(max(0, reads[place].place.size)))
        }
    }

    private func files(from offset: UInt64, size: UInt64) -> [TraceRead.FilePart] {
        content.files(in: offset..<offset + size).prefix(TracedLayer.mostFiles).map { file, bytes in
            TraceRead.FilePart(
                path: "/" + file.path, offset: bytes.lowerBound, size: UInt64(bytes.count), fileSize: file.size)
        }
    }

    private var wasted: [TraceLayer.WastedFile] {
        var bytes: [String: UInt64] = [:]
        for number in layer.use.unread {
            let chunk = layer.stored.chunks.chunk(number)
            guard let file = content.files(in: chunk.contentOffset..<chunk.contentOffset + chunk.size).first?.file else { continue }
            bytes[file.path, default: 0] += chunk.size
        }
        return bytes.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(TracedLayer.mostWasted)
            .map { TraceLayer.WastedFile(path: "/" + $0.key, bytes: $0.value) }
    }
}
