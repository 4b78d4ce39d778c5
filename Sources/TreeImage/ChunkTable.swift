public import Digests
internal import EROFS
internal import EStargz

/// One chunk: where its bytes are in the content file, and which part of the blob they come from.
public struct Chunk: Equatable, Sendable {
    /// Where the bytes belong in the content file.
    public var contentOffset: UInt64
    /// Uncompressed size in bytes.
    public var size: UInt64
    /// Where the member (frame) that holds the chunk begins in the blob.
    public var blobOffset: UInt64
    /// Bytes of the blob until the next member that holds a chunk, `ChunkTable.largestSpan` at most; they hold the whole member.
    public var blobLength: UInt64
    /// Where the chunk begins in the member's uncompressed bytes.
    public var innerOffset: UInt64
    /// Digest of the uncompressed bytes.
    public var digest: Digest
}

/// The chunks of all files of a tree, checked, in the blob's order, with content offsets assigned in that order.
///
/// A chunk table that leaves holes, overlaps, adds up wrong or runs past the blob is refused.
struct ChunkTable {
    /// Alignment of a file's bytes in the content file: the block size of EROFS.
    static let alignment: UInt64 = 4096
    /// Most bytes of the blob that are read for one member. A chunk fetcher decodes at most 64 MiB of a member, and deflate and zstd add
    /// less than one percent to what they cannot compress; what lies between the member's end and the next one is not wanted.
    static let largestSpan: UInt64 = 80 << 20

    private(set) var chunks: [Chunk] = []
    /// Where each file's bytes begin, by the index of its TOC entry.
    private(set) var contentOffsets: [Int: UInt64] = [:]
    private(set) var contentSize: UInt64 = 0
    /// Blob offset of the prefetch landmark; 0 for none.
    let prefetchEnd: UInt64

    private let toc: TOC
    /// Offsets of all members with a payload, sorted, and the payloads' end.
    private let members: [UInt64]

    init(_ toc: TOC, files: [Int], blobSize: UInt64, payloadEnd: UInt64) throws(TreeImageError) {
        guard payloadEnd <= blobSize, blobSize <= UInt64(Int64.max) else { throw .tree("the TOC lies beyond the end of the blob") }
        self.toc = toc
        members = try ChunkTable.members(toc, payloadEnd)
        prefetchEnd = try ChunkTable.prefetchEnd(toc, payloadEnd)
        chunks.reserveCapacity(members.count)
        contentOffsets.reserveCapacity(files.count)
        let order = files.sorted {
            (toc.entries[$0].offset, toc.entries[$0].innerOffset) < (toc.entries[$1].offset, toc.entries[$1].innerOffset)
        }
        for file in order { try add(file) }
        contentSize = ChunkTable.aligned(contentSize)
    }

    private static func aligned(_ offset: UInt64) -> UInt64 { (offset + alignment - 1) / alignment * alignment }

    private static func prefetchEnd(_ toc: TOC, _ payloadEnd: UInt64) throws(TreeImageError) -> UInt64 {
        guard let landmark = toc.entries.first(where: { TOCName.isRoot($0.name, TOC.prefetchLandmark) }) else { return 0 }
        guard landmark.offset >= 0, UInt64(landmark.offset) <= payloadEnd else {
            throw .entry(path: landmark.name, "the landmark at blob offset \(landmark.offset) is beyond the payloads' end at \(payloadEnd)")
        }
        return UInt64(landmark.offset)
    }

    private static func members(_ toc: TOC, _ payloadEnd: UInt64) throws(TreeImageError) -> [UInt64] {
        var offsets: [UInt64] = []
        offsets.reserveCapacity(toc.entries.count + 1)
        for entry in toc.entries where entry.kind == .chunk || entry.kind == .regular && entry.size > 0 {
            guard entry.offset >= 0, UInt64(entry.offset) < payloadEnd else {
                throw .entry(path: entry.name, "its data at blob offset \(entry.offset) is beyond the payloads' end at \(payloadEnd)")
            }
            if offsets.last != UInt64(entry.offset) { offsets.append(UInt64(entry.offset)) }
        }
        // Written in order nearly always; sorting a sorted list is cheap.
        offsets.sort()
        offsets.append(payloadEnd)
        return offsets
    }

    private func memberEnd(_ offset: UInt64) -> UInt64 {
        var (low, high) = (0, members.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if members[middle] > offset { high = middle } else { low = middle + 1 }
        }
        return members[low]
    }

    private mutating func add(_ index: Int) throws(TreeImageError) {
        let file = toc.entries[index]
        let start = ChunkTable.aligned(contentSize)
        guard UInt64(file.size) <= EROFSTree.maximumContent - min(start, EROFSTree.maximumContent) else {
            throw .entry(path: file.name, "the files make more than the \(EROFSTree.maximumContent) bytes that a layer can hold")
        }
        contentOffsets[index] = start
        var last = index
        while last + 1 < toc.entries.count, toc.entries[last + 1].kind == .chunk { last += 1 }
        var position: Int64 = 0
        for current in index...last {
            let entry = toc.entries[current]
            guard current == index || entry.name == file.name else { throw .entry(path: entry.name, "a chunk that follows another file") }
            guard entry.chunkOffset == position else {
                throw .entry(path: file.name, "a chunk begins at \(entry.chunkOffset) where \(position) was expected")
            }
            let following = current < last ? toc.entries[current + 1].chunkOffset : file.size
            // An offset below zero is refused as that of the next chunk; here it must only not overflow.
            let size = entry.chunkSize == 0 ? max(following, 0) - position : entry.chunkSize
            guard size > 0, size <= file.size - position else {
                throw .entry(path: file.name, "a chunk of \(size) bytes does not fit the file")
            }
            guard let digest = entry.chunkDigest ?? (last == index ? file.digest : nil) else {
                throw .entry(path: file.name, "a chunk has no digest, so it could not be verified")
            }
            try append(entry, file.name, size: UInt64(size), contentOffset: start + UInt64(position), digest)
            position += size
        }
        guard position == file.size else { throw .entry(path: file.name, "its chunks make \(position) of \(file.size) bytes") }
        contentSize = start + UInt64(file.size)
    }

    private mutating func append(
        _ entry: TOCEntry, _ path: String, size: UInt64, contentOffset: UInt64, _ digest: Digest
    ) throws(TreeImageError) {
        guard entry.innerOffset >= 0 else { throw .entry(path: path, "a negative inner offset") }
        let offset = UInt64(entry.offset)
        let chunk = Chunk(
            contentOffset: contentOffset, size: size, blobOffset: offset,
            blobLength: min(memberEnd(offset) - offset, ChunkTable.largestSpan),
            innerOffset: UInt64(entry.innerOffset), digest: digest)
        if let previous = chunks.last {
            let follows =
                previous.blobOffset < offset || previous.blobOffset == offset && previous.innerOffset + previous.size <= chunk.innerOffset
            guard follows else { throw .entry(path: path, "its data at blob offset \(offset) overlaps another file's") }
        }
        chunks.append(chunk)
    }
}

/// Names as TOCs spell them.
enum TOCName {
    /// Whether an entry's name is that of a file in the root directory.
    static func isRoot(_ name: String, _ wanted: String) -> Bool {
        name == wanted
            || name.hasSuffix(wanted) && name.dropLast(wanted.count).allSatisfy { $0 == "." || $0 == "/" }
                && name.dropLast(wanted.count).last == "/"
    }
}
