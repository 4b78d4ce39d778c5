public import Digests
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

/// The chunks of all files of a tree, checked, in the blob's order, which is that of the content, too.
///
/// A chunk table that leaves holes, overlaps, adds up wrong or runs past the blob is refused.
struct ChunkTable {
    /// Most bytes of the blob that are read for one member. A chunk fetcher decodes at most 64 MiB of a member, and deflate and zstd add
    /// less than one percent to what they cannot compress; what lies between the member's end and the next one is not wanted.
    static let largestSpan: UInt64 = 80 << 20

    private(set) var chunks: [Chunk] = []
    /// Blob offset of the prefetch landmark; 0 for none.
    let prefetchEnd: UInt64

    private let toc: TOC
    /// Offsets of all members with a payload, sorted, and the payloads' end.
    private let members: [UInt64]
    /// The first of the members behind the last chunk's: files are added in the order of their members.
    private var nextMember = 0

    init(_ toc: TOC, _ placement: ContentPlacement, blobSize: UInt64, payloadEnd: UInt64) throws(TreeImageError) {
        guard payloadEnd <= blobSize, blobSize <= UInt64(Int64.max) else { throw .tree("the TOC lies beyond the end of the blob") }
        self.toc = toc
        members = try ChunkTable.members(toc, payloadEnd)
        prefetchEnd = try ChunkTable.prefetchEnd(toc, payloadEnd)
        chunks.reserveCapacity(members.count)
        for file in placement.order { try add(file, at: placement.offsets[file]) }
    }

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

    /// Where the next member begins behind one at an offset, which is not smaller than the last one that was asked for.
    private mutating func memberEnd(_ offset: UInt64) -> UInt64 {
        while nextMember < members.count - 1, members[nextMember] <= offset { nextMember += 1 }
        return members[nextMember]
    }

    // Entries are looked at where they are: a copy of one counts the references of all its texts.
    private mutating func add(_ index: Int, at start: UInt64) throws(TreeImageError) {
        func failure(_ reason: String) -> TreeImageError { .entry(path: toc.entries[index].name, reason) }
        let fileSize = toc.entries[index].size
        var last = index
        while last + 1 < toc.entries.count, toc.entries[last + 1].kind == .chunk { last += 1 }
        var position: Int64 = 0
        for current in index...last {
            guard current == index || toc.entries[current].name == toc.entries[index].name else {
                throw .entry(path: toc.entries[current].name, "a chunk that follows another file")
            }
            guard toc.entries[current].chunkOffset == position else {
                throw failure("a chunk begins at \(toc.entries[current].chunkOffset) where \(position) was expected")
            }
            let following = current < last ? toc.entries[current + 1].chunkOffset : fileSize
            // An offset below zero is refused as that of the next chunk; here it must only not overflow.
            let size = toc.entries[current].chunkSize == 0 ? max(following, 0) - position : toc.entries[current].chunkSize
            guard size > 0, size <= fileSize - position else { throw failure("a chunk of \(size) bytes does not fit the file") }
            guard let digest = toc.entries[current].chunkDigest ?? (last == index ? toc.entries[index].digest : nil) else {
                throw failure("a chunk has no digest, so it could not be verified")
            }
            let (offset, innerOffset) = (UInt64(toc.entries[current].offset), toc.entries[current].innerOffset)
            guard innerOffset >= 0 else { throw failure("a negative inner offset") }
            guard follows(offset, UInt64(innerOffset)) else { throw failure("its data at blob offset \(offset) overlaps another file's") }
            chunks.append(
                Chunk(
                    contentOffset: start + UInt64(position), size: UInt64(size), blobOffset: offset,
                    blobLength: min(memberEnd(offset) - offset, ChunkTable.largestSpan), innerOffset: UInt64(innerOffset), digest: digest))
            position += size
        }
        guard position == fileSize else { throw failure("its chunks make \(position) of \(fileSize) bytes") }
    }

    /// Whether data at a place of the blob lies behind the last chunk's.
    private func follows(_ offset: UInt64, _ innerOffset: UInt64) -> Bool {
        guard let last = chunks.last else { return true }
        return last.blobOffset < offset || last.blobOffset == offset && last.innerOffset + last.size <= innerOffset
    }
}

/// Names as TOCs spell them.
enum TOCName {
    /// Whether an entry's name is that of a file in the root directory.
    static func isRoot(_ name: String, _ wanted: String) -> Bool {
        let (name, wanted) = (name.utf8, wanted.utf8)
        // Nearly no name ends with that byte.
        guard name.last == wanted.last, name.count >= wanted.count, name.suffix(wanted.count).elementsEqual(wanted) else { return false }
        let before = name.dropLast(wanted.count)
        return before.isEmpty
            || before.last == UInt8(ascii: "/") && before.allSatisfy { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
    }
}
