public import Digests
internal import EROFS
internal import Glibc
internal import HostSystem

/// The layout of a chunk map's file, little-endian:
///
///     0    magic "STCHUNK1"      8   compression       12  record size
///     16   count                 24  content size      32  content bytes (sum of the chunks' sizes)
///     40   blob size             48  prefetch end      56  FNV-1a of everything else
///     64   records, 72 bytes each, sorted by content offset and by blob offset: content offset, size, blob offset, blob length,
///          inner offset (8 bytes each), digest (32)
///     …    indexes of the records sorted by digest, 4 bytes each
enum ChunkMapFormat {
    static let magic: UInt64 = 0x314b_4e55_4843_5453
    static let checksumOffset = 56
    static let headerSize = 64
    static let recordSize = 72

    static func fileSize(_ count: Int) -> Int { headerSize + count * (recordSize + 4) }

    /// The checksum of a whole file, the field for it taken as zero.
    // Eight bytes at a time: it guards against a damaged disk, not against an attacker, who could as well replace the tree.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var position = 0
        while position + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            hash = (hash ^ (position == checksumOffset ? 0 : word)) &* 0x0000_0100_0000_01b3
            position += 8
        }
        for byte in bytes[position...] { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }
}

/// Writes a chunk map.
enum ChunkMapWriter {
    static func bytes(
        _ chunks: [Chunk], contentSize: UInt64, blobSize: UInt64, prefetchEnd: UInt64, compression: ChunkCompression
    ) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: ChunkMapFormat.fileSize(chunks.count))
        let order = ChunkMapWriter.orderByDigest(chunks)
        output.withUnsafeMutableBytes { bytes in
            func put(_ value: UInt64, _ offset: Int) { bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self) }
            put(ChunkMapFormat.magic, 0)
            put(UInt64(compression.rawValue) | UInt64(ChunkMapFormat.recordSize) << 32, 8)
            put(UInt64(chunks.count), 16)
            put(contentSize, 24)
            put(chunks.reduce(0) { $0 + $1.size }, 32)
            put(blobSize, 40)
            put(prefetchEnd, 48)
            for (index, chunk) in chunks.enumerated() {
                let base = ChunkMapFormat.headerSize + index * ChunkMapFormat.recordSize
                put(chunk.contentOffset, base)
                put(chunk.size, base + 8)
                put(chunk.blobOffset, base + 16)
                put(chunk.blobLength, base + 24)
                put(chunk.innerOffset, base + 32)
                chunk.digest.copyBytes(to: UnsafeMutableRawBufferPointer(rebasing: bytes[base + 40..<base + 72]))
            }
            let indexes = ChunkMapFormat.headerSize + chunks.count * ChunkMapFormat.recordSize
            for (position, index) in order.enumerated() {
                bytes.storeBytes(of: index.littleEndian, toByteOffset: indexes + 4 * position, as: UInt32.self)
            }
            put(ChunkMapFormat.checksum(UnsafeRawBufferPointer(bytes)), ChunkMapFormat.checksumOffset)
        }
        return output
    }

    // Distributed by as many of their first bits as leave one or two of a layer's digests together, 16 at most; these are sorted by the rest. A
    // layer whose digests all begin alike costs what sorting costs.
    private static func orderByDigest(_ chunks: [Chunk]) -> [UInt32] {
        let bits = min(16, Int.bitWidth - chunks.count.leadingZeroBitCount)
        func bucket(_ index: Int) -> Int { Int(chunks[index].digest.leadingWord >> (64 - UInt64(bits))) }
        var ends = [Int](repeating: 0, count: 1 << bits)
        for index in chunks.indices { ends[bucket(index)] += 1 }
        for index in 1..<ends.count { ends[index] += ends[index - 1] }
        var order = [UInt32](repeating: 0, count: chunks.count)
        var starts = ends
        for index in chunks.indices.reversed() {
            starts[bucket(index)] -= 1
            order[starts[bucket(index)]] = UInt32(index)
        }
        for (start, end) in zip(starts, ends) where end - start > 1 {
            order[start..<end].sort { chunks[Int($0)].digest < chunks[Int($1)].digest }
        }
        return order
    }
}

/// A chunk map, mapped: lookups are binary searches over fixed records, without allocation.
public final class ChunkMap: Sendable {
    private let file: MappedFile
    private let records: ChunkRecords
    /// Number of chunks.
    public let count: Int
    /// Size of the content file in bytes.
    public let contentSize: UInt64
    /// Sum of the chunks' sizes: bytes of content, without the alignment between files.
    public let contentBytes: UInt64
    /// Size of the blob in bytes.
    public let blobSize: UInt64
    /// Blob offset before which everything is wanted first; 0 for nothing.
    public let prefetchEnd: UInt64
    /// Compression of the blob's members.
    public let compression: ChunkCompression

    /// Maps a file that `LayerCompiler` made. Its checksum is verified and each record looked at once, so that whatever the bytes are,
    /// what is answered later lies within the content and the blob.
    ///
    /// - Parameter isNew: whether this process has just written the file: then neither is done.
    /// - Throws: `TreeImageError.damaged`, `.unreadable`.
    public init(path: String, isNew: Bool = false) throws(TreeImageError) {
        let file = try MappedFile.compiled(path)
        let bytes = file.bytes
        func word(_ offset: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        guard bytes.count >= ChunkMapFormat.headerSize, word(0) == ChunkMapFormat.magic else {
            throw .damaged(path: path, "not a chunk map")
        }
        guard word(16) <= UInt64(Int32.max), bytes.count == ChunkMapFormat.fileSize(Int(word(16))),
            let compression = ChunkCompression(rawValue: UInt32(truncatingIfNeeded: word(8))),
            word(8) >> 32 == UInt64(ChunkMapFormat.recordSize)
        else { throw .damaged(path: path, "a chunk map of the wrong size") }
        guard isNew || word(ChunkMapFormat.checksumOffset) == ChunkMapFormat.checksum(bytes) else {
            throw .damaged(path: path, "the checksum is wrong")
        }
        self.file = file
        self.compression = compression
        count = Int(word(16))
        (contentSize, contentBytes, blobSize, prefetchEnd) = (word(24), word(32), word(40), word(48))
        records = ChunkRecords(bytes: bytes, count: count)
        guard !isNew else { return }
        guard prefetchEnd <= blobSize, records.fit(contentSize: contentSize, contentBytes: contentBytes, blobSize: blobSize) else {
            throw .damaged(path: path, "its chunks do not fit together")
        }
        file.releasePages()
    }

    /// One chunk; `index` is below `count`.
    @inline(__always)
    public func chunk(_ index: Int) -> Chunk {
        precondition(index >= 0 && index < count, "chunk \(index) of \(count)")
        return records.chunk(index)
    }

    /// The chunk whose bytes include a place in the content file; nil between files and behind the last one.
    @inline(__always)
    public func index(containing contentOffset: UInt64) -> Int? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if records.contentOffset(middle) <= contentOffset { low = middle + 1 } else { high = middle }
        }
        guard low > 0, contentOffset - records.contentOffset(low - 1) < records.size(low - 1) else { return nil }
        return low - 1
    }

    /// The first chunk that has bytes behind a place in the content file; `count` when none has.
    @inline(__always)
    public func firstIndex(endingAfter contentOffset: UInt64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if records.contentOffset(middle) + records.size(middle) <= contentOffset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The first chunk of a digest and size that `isWanted` takes; nil when there is none.
    public func first(of digest: Digest, size: UInt64, where isWanted: (Int) -> Bool = { _ in true }) -> Int? {
        var (position, high) = (0, count)
        while position < high {
            let middle = (position + high) / 2
            if records.digest(records.byDigest(middle)) < digest { position = middle + 1 } else { high = middle }
        }
        while position < count, case let index = records.byDigest(position), records.digest(index) == digest {
            if records.size(index) == size, isWanted(index) { return index }
            position += 1
        }
        return nil
    }

    /// Whether a chunk stands before the prefetch landmark.
    public func isInFront(_ index: Int) -> Bool { chunk(index).blobOffset < prefetchEnd }

    /// The chunk before the prefetch landmark that repeats one behind it; nil when none does.
    public func repetition(of index: Int) -> Int? {
        guard prefetchEnd > 0, case let chunk = chunk(index), chunk.blobOffset >= prefetchEnd else { return nil }
        return first(of: chunk.digest, size: chunk.size, where: isInFront)
    }

    /// The chunk behind the prefetch landmark that one before it repeats; nil when it repeats none.
    public func original(of index: Int) -> Int? {
        guard case let chunk = chunk(index), chunk.blobOffset < prefetchEnd else { return nil }
        return first(of: chunk.digest, size: chunk.size) { !isInFront($0) }
    }
}

/// The records of a chunk map in memory.
struct ChunkRecords: @unchecked Sendable {
    // Safety: read only; ChunkMap holds what the bytes belong to. The size was checked and indexes are below `count`.
    let bytes: UnsafeRawBufferPointer
    let count: Int

    @inline(__always)
    private func word(_ index: Int, _ field: Int) -> UInt64 {
        UInt64(
            littleEndian: bytes.loadUnaligned(
                fromByteOffset: ChunkMapFormat.headerSize + index * ChunkMapFormat.recordSize + field, as: UInt64.self))
    }

    @inline(__always)
    func contentOffset(_ index: Int) -> UInt64 { word(index, 0) }
    @inline(__always)
    func size(_ index: Int) -> UInt64 { word(index, 8) }

    @inline(__always)
    func digest(_ index: Int) -> Digest {
        let base = ChunkMapFormat.headerSize + index * ChunkMapFormat.recordSize + 40
        return Digest(bytes: UnsafeRawBufferPointer(rebasing: bytes[base..<base + 32]))
    }

    @inline(__always)
    func chunk(_ index: Int) -> Chunk {
        Chunk(
            contentOffset: word(index, 0), size: word(index, 8), blobOffset: word(index, 16), blobLength: word(index, 24),
            innerOffset: word(index, 32), digest: digest(index))
    }

    /// Whether all chunks are what `ChunkTable` makes: in the order of both content and blob, apart from each other, and inside.
    func fit(contentSize: UInt64, contentBytes: UInt64, blobSize: UInt64) -> Bool {
        guard contentSize <= EROFSTree.maximumContent, blobSize <= UInt64(Int64.max) else { return false }
        var (contentEnd, sum): (UInt64, UInt64) = (0, 0)
        var (blobOffset, innerEnd): (UInt64, UInt64) = (0, 0)
        for index in 0..<count {
            let (place, size) = (contentOffset(index), size(index))
            guard size > 0, place >= contentEnd, place <= contentSize, size <= contentSize - place else { return false }
            (contentEnd, sum) = (place + size, sum + size)
            let (offset, length, inner) = (word(index, 16), word(index, 24), word(index, 32))
            guard length > 0, length <= ChunkTable.largestSpan, offset < blobSize, length <= blobSize - offset, inner <= Int64.max,
                offset > blobOffset || offset == blobOffset && inner >= innerEnd
            else { return false }
            (blobOffset, innerEnd) = (offset, inner + size)
        }
        return sum == contentBytes
    }

    func byDigest(_ position: Int) -> Int {
        let base = ChunkMapFormat.headerSize + count * ChunkMapFormat.recordSize + 4 * position
        let index = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: base, as: UInt32.self)))
        return min(index, max(0, count - 1))
    }
}
