internal import Digests

/// Consecutive gzip members to be, collected until they are worth a thread's attention.
///
/// Which members share a batch never shows in the output.
struct MemberBatch: Sendable {
    /// A regular file's piece, at the front of its member.
    struct Chunk: Sendable {
        /// The TOC entry, complete but for the offset and the digests.
        var entry: TOCEntry
        /// Size of the piece in bytes.
        var size: Int
        /// Whether the file ends with it.
        var isLast: Bool
    }

    /// One gzip member: a chunk and the tar headers (and padding) that follow it, or headers alone.
    struct Member: Sendable {
        /// The member's bytes in `MemberBatch.bytes`.
        var range: Range<Int>
        /// What the member begins with.
        var chunk: Chunk?
        /// TOC entries without payload whose headers are in the member, in tar order.
        var entries: [TOCEntry]
    }

    /// Uncompressed tar bytes of all members.
    var bytes: [UInt8] = []
    var members: [Member] = []
}

/// What a thread made of a batch.
struct CompressedBatch: Sendable {
    /// The members, one after the other.
    var bytes: [UInt8] = []
    /// Where each member begins in `bytes`.
    var starts: [Int] = []
    /// Digest of each member's chunk; nil for headers alone.
    var chunkDigests: [Digest?] = []
}
