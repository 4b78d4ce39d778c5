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

    /// The files that were read so far, first reads first: each once for every 256 KiB that were read, so that what is read late of a large file
    /// does not come before what other files are read for earlier.
    ///
    /// - Parameters:
    ///   - layers: digests of the image's layers as they are mounted, lowest first.
    ///   - manifest: to be named in each line.
    public func accesses(layers: [Digest], manifest: Digest?) -> [FileAccess] {
        let (trees, reads) = state.withLock { ($0.trees, $0.reads) }
        let files = trees.mapValues { ContentFiles($0) }
        var accesses: [FileAccess] = []
        var burst = Burst()
        for (layer, bytes) in reads {
            guard let index = layers.firstIndex(of: layer) else { continue }
            for (file, range) in files[layer]?.files(in: bytes) ?? [] { burst.add(file, range, layer: index) }
            if burst.byteCount >= ReadRecorder.burstSize {
                accesses += burst.accesses(of: manifest)
                burst = Burst()
            }
        }
        return accesses + burst.accesses(of: manifest)
    }

    /// What is read between two places of the record. A twentieth of a second's worth of a slow link, and some pages of a large file at least.
    private static let burstSize: UInt64 = 256 << 10

    /// Reads that are told of together, file by file.
    private struct Burst {
        private var found: [(file: ContentFiles.File, layer: Int, ranges: [FileAccess.Span])] = []
        private var places: [ContentPlace: Int] = [:]
        private(set) var byteCount: UInt64 = 0

        mutating func add(_ file: ContentFiles.File, _ range: Range<UInt64>, layer: Int) {
            let place = ContentPlace(layer: layer, offset: file.offset)
            let span = FileAccess.Span(offset: Int64(range.lowerBound), size: Int64(range.count))
            byteCount += UInt64(range.count)
            if let known = places[place] {
                found[known].ranges.append(span)
            } else {
                places[place] = found.count
                found.append((file, layer, [span]))
            }
        }

        func accesses(of manifest: Digest?) -> [FileAccess] {
            found.map { file, layer, ranges in
                let joined = FileAccess.Span.union(ranges)
                let isWhole = joined == [FileAccess.Span(offset: 0, size: Int64(file.size))]
                return FileAccess(path: file.path, manifestDigest: manifest, layerIndex: layer, ranges: isWhole ? nil : joined)
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
