internal import ChunkStore
internal import FetchEngine
internal import Glibc
internal import TreeImage

/// What one slot of the mount serves: a tree, and the layers that hold the contents of its files.
///
/// One layer's tree has one content file, a merged chain's has one per layer. Knows no FUSE types. On a hit a read is two table lookups
/// and one `pread`; nothing is allocated or locked.
final class ServedTree: Sendable {
    let tree: LayerTree
    /// By content device: device 1 of the tree is the first.
    let layers: [LazyLayer]
    let fetcher: ChunkFetcher
    /// Is told of every read, when somebody wants to know.
    let recorder: ReadRecorder?

    init(_ tree: LayerTree, layers: [LazyLayer], fetcher: ChunkFetcher, recorder: ReadRecorder? = nil) {
        self.tree = tree
        self.layers = layers
        self.fetcher = fetcher
        self.recorder = recorder
    }

    /// Where the bytes of a read are.
    struct Extent: Sendable {
        /// Index of the layer whose content file has them.
        var layer = 0
        var contentOffset: UInt64 = 0
        var size = 0
        /// Chunks that hold them; nil when no chunk does: there are no bytes, or only zeros between files.
        var chunks: ClosedRange<Int>?
    }

    /// Locates a read of a regular file of the tree.
    ///
    /// - Throws: EISDIR or EINVAL for what is no regular file, EIO when tree and chunk map disagree.
    func locate(node: UInt64, offset: UInt64, size: Int) throws(Errno) -> Extent {
        guard let attributes = tree.attributes(of: node) else { throw Errno(ENOENT) }
        switch mode_t(attributes.mode) & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw Errno(EISDIR)
        default: throw Errno(EINVAL)
        }
        guard offset < attributes.size, size > 0 else { return Extent() }
        let count = Int(min(UInt64(size), attributes.size - offset))
        let start = attributes.contentOffset &+ offset
        let layer = Int(attributes.contentDevice) - 1
        guard attributes.contentOffset != UInt64.max, layers.indices.contains(layer) else { throw Errno(EIO) }
        let map = layers[layer].stored.chunks
        guard let first = map.index(containing: start) else { throw Errno(EIO) }
        var last = first
        // Chunks of one file follow each other without a gap; one that ends short of the read would leave zeros to be served.
        while true {
            let chunk = map.chunk(last)
            if chunk.contentOffset + chunk.size >= start + UInt64(count) { break }
            last += 1
            guard last < map.count, map.chunk(last).contentOffset == chunk.contentOffset + chunk.size else { throw Errno(EIO) }
        }
        return Extent(layer: layer, contentOffset: start, size: count, chunks: first...last)
    }

    /// Size of the content file that the slot shows as a whole; nil when its tree has several.
    var contentSize: UInt64? { layers.count == 1 ? layers[0].stored.chunks.contentSize : nil }

    /// Locates a read of the content file itself, as the kernel's EROFS makes it: it may span files and the zeros between them.
    ///
    /// - Throws: ENOENT where there is no one content file.
    func locateContent(offset: UInt64, size: Int) throws(Errno) -> Extent {
        guard let contentSize else { throw Errno(ENOENT) }
        guard offset < contentSize, size > 0 else { return Extent() }
        let count = Int(min(UInt64(size), contentSize - offset))
        let map = layers[0].stored.chunks
        let first = map.firstIndex(endingAfter: offset)
        var end = first
        while end < map.count, map.chunk(end).contentOffset < offset + UInt64(count) { end += 1 }
        return Extent(layer: 0, contentOffset: offset, size: count, chunks: end > first ? first...end - 1 : nil)
    }

    /// Whether every chunk of an extent is here.
    func isPresent(_ extent: Extent) -> Bool {
        guard let chunks = extent.chunks else { return true }
        let stored = layers[extent.layer].stored
        for index in chunks where !stored.isPresent(index) { return false }
        return true
    }

    /// Reads an extent whose chunks were demanded and have arrived; with a full disk they may be in memory only, or gone again.
    ///
    /// - Throws: EIO.
    func readArrived(_ extent: Extent, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) {
        guard let chunks = extent.chunks else { return try read(extent, into: buffer) }
        let window = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<extent.size])
        do {
            guard try layers[extent.layer].stored.read(at: extent.contentOffset, chunks: chunks, into: window) else { throw Errno(EIO) }
        } catch {
            throw Errno(EIO)
        }
        layers[extent.layer].use.wereRead(chunks)
    }

    /// Reads an extent whose chunks are here.
    func read(_ extent: Extent, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) {
        guard extent.size > 0 else { return }
        let window = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<extent.size])
        do {
            guard try layers[extent.layer].stored.content.read(at: extent.contentOffset, into: window) == extent.size else {
                throw Errno(EIO)
            }
        } catch {
            throw Errno(EIO)
        }
        if let chunks = extent.chunks { layers[extent.layer].use.wereRead(chunks) }
    }
}

/// An error number, as the kernel takes it.
struct Errno: Error, Equatable, Sendable {
    let code: Int32

    init(_ code: Int32) { self.code = code }
}
