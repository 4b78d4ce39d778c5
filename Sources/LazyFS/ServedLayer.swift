internal import ChunkStore
internal import FetchEngine
internal import Glibc
internal import TreeImage

/// A layer as the mount serves it: answers about its tree, and reads of its contents.
///
/// Knows no FUSE types. On a hit a read is two table lookups and one `pread`; nothing is allocated, counted or locked.
final class ServedLayer: Sendable {
    let layer: LazyLayer
    let fetcher: ChunkFetcher

    init(_ layer: LazyLayer, fetcher: ChunkFetcher) {
        self.layer = layer
        self.fetcher = fetcher
    }

    var tree: LayerTree { layer.stored.tree }

    /// Where the bytes of a read are, in the content file.
    struct Extent: Sendable {
        let contentOffset: UInt64
        let size: Int
        /// Chunks that hold them; nil when there are no bytes to read.
        let chunks: ClosedRange<Int>?
    }

    /// Locates a read of a regular file.
    ///
    /// - Throws: EISDIR or EINVAL for what is no regular file, EIO when tree and chunk map disagree.
    func locate(node: UInt64, offset: UInt64, size: Int) throws(Errno) -> Extent {
        guard let attributes = tree.attributes(of: node) else { throw Errno(ENOENT) }
        switch mode_t(attributes.mode) & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw Errno(EISDIR)
        default: throw Errno(EINVAL)
        }
        guard offset < attributes.size, size > 0 else { return Extent(contentOffset: 0, size: 0, chunks: nil) }
        let count = Int(min(UInt64(size), attributes.size - offset))
        let start = attributes.contentOffset &+ offset
        let map = layer.stored.chunks
        guard attributes.contentOffset != UInt64.max, let first = map.index(containing: start) else { throw Errno(EIO) }
        var last = first
        // Chunks of one file follow each other without a gap; one that ends short of the read would leave zeros to be served.
        while true {
            let chunk = map.chunk(last)
            if chunk.contentOffset + chunk.size >= start + UInt64(count) { break }
            last += 1
            guard last < map.count, map.chunk(last).contentOffset == chunk.contentOffset + chunk.size else { throw Errno(EIO) }
        }
        return Extent(contentOffset: start, size: count, chunks: first...last)
    }

    /// Whether every chunk of an extent is here.
    func isPresent(_ extent: Extent) -> Bool {
        guard let chunks = extent.chunks else { return true }
        for index in chunks where !layer.stored.isPresent(index) { return false }
        return true
    }

    /// Reads an extent whose chunks are here.
    func read(_ extent: Extent, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) {
        guard extent.size > 0 else { return }
        let window = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<extent.size])
        do {
            guard try layer.stored.content.read(at: extent.contentOffset, into: window) == extent.size else { throw Errno(EIO) }
        } catch {
            throw Errno(EIO)
        }
    }
}

/// An error number, as the kernel takes it.
struct Errno: Error, Equatable, Sendable {
    let code: Int32

    init(_ code: Int32) { self.code = code }
}
