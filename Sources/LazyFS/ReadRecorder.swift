internal import ChunkStore
public import Digests
internal import FetchEngine
public import OCI
internal import Synchronization
internal import TreeImage

/// Which bytes of which files were read through a node's mounts, in the order of first reads: what a program needs of its image.
///
/// It sees what the kernel asks for, its reading ahead included, whether the bytes were here or had to be fetched. Only a node that was made with one is slower:
/// each read takes its lock then.
public final class ReadRecorder: Sendable {
    private struct State {
        /// Pages of each layer's content file that were read.
        var pages: [Digest: [UInt64]] = [:]
        var trees: [Digest: LayerTree] = [:]
        /// In the order of first reads.
        var reads: [(layer: Digest, bytes: Range<UInt64>)] = []
    }

    private static let pageSize: UInt64 = 4096
    private let state = Mutex(State())

    /// Nothing was read yet.
    public init() {}

    /// Bytes of a layer's content file are read.
    func note(_ layer: LazyLayer, _ bytes: Range<UInt64>) {
        guard !bytes.isEmpty else { return }
        let pages = bytes.lowerBound / ReadRecorder.pageSize...(bytes.upperBound - 1) / ReadRecorder.pageSize
        state.withLock { state in
            if state.trees[layer.digest] == nil {
                state.trees[layer.digest] = layer.stored.tree
                let pageCount = layer.stored.chunks.contentSize / ReadRecorder.pageSize + 1
                state.pages[layer.digest] = Array(repeating: 0, count: Int(pageCount / 64) + 1)
            }
            guard state.pages[layer.digest]?.insert(pages) ?? false else { return }
            state.reads.append((layer.digest, bytes))
        }
    }

    /// The files that were read so far, each once, first read first.
    ///
    /// - Parameters:
    ///   - layers: digests of the image's layers as they are mounted, lowest first.
    ///   - manifest: to be named in each line.
    public func accesses(layers: [Digest], manifest: Digest?) -> [FileAccess] {
        let (trees, reads) = state.withLock { ($0.trees, $0.reads) }
        let files = trees.mapValues { ContentFiles($0) }
        var found: [(file: ContentFiles.File, layer: Int, ranges: [Range<UInt64>])] = []
        var places: [ContentPlace: Int] = [:]
        for (layer, bytes) in reads {
            guard let index = layers.firstIndex(of: layer) else { continue }
            for (file, range) in files[layer]?.files(in: bytes) ?? [] {
                let place = ContentPlace(layer: index, offset: file.offset)
                if let known = places[place] {
                    found[known].ranges.append(range)
                } else {
                    places[place] = found.count
                    found.append((file, index, [range]))
                }
            }
        }
        return found.map { file, layer, ranges in
            let joined = ReadRecorder.joined(ranges)
            return FileAccess(
                path: file.path, manifestDigest: manifest, layerIndex: layer,
                ranges: joined == [0..<file.size]
                    ? nil : joined.map { FileAccess.Span(offset: Int64($0.lowerBound), size: Int64($0.count)) })
        }
    }

    /// Ranges ascending and apart.
    private static func joined(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
        ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { result, range in
            if let last = result.last, range.lowerBound <= last.upperBound {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
    }
}

extension [UInt64] {
    /// Sets bits; false when all of them were.
    fileprivate mutating func insert(_ bits: ClosedRange<UInt64>) -> Bool {
        var isNew = false
        for bit in bits where bit / 64 < UInt64(count) {
            let (word, mask) = (Int(bit / 64), UInt64(1) << (bit % 64))
            isNew = isNew || self[word] & mask == 0
            self[word] |= mask
        }
        return isNew
    }
}
