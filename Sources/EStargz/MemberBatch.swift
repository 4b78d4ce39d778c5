internal import Digests

/// Consecutive members to be, collected until they are worth a thread's attention.
///
/// Which members share a batch never shows in the output.
struct MemberBatch: Sendable {
    /// A regular file's piece.
    struct Chunk: Sendable {
        /// The TOC entry, complete but for the offsets and the digests.
        var entry: TOCEntry
        /// Size of the piece in bytes.
        var size: Int
        /// Whether the file ends with it.
        var isLast: Bool
    }

    /// What a member holds that the TOC speaks of.
    enum Item: Sendable {
        /// A chunk, and where it begins in the member.
        case chunk(Chunk, innerOffset: Int)
        /// An entry without payload.
        case entry(TOCEntry)
    }

    /// One gzip member or zstd frame: chunks with the tar headers and padding between them, or headers alone.
    struct Member: Sendable {
        /// The member's bytes in `MemberBatch.bytes`.
        var range: Range<Int>
        /// Chunks and entries in tar order.
        var items: [Item]
        /// Whether it stands before the landmark, where files are that a start waits for.
        var isFront = false
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
    /// Digest of each chunk of the batch, in order.
    var chunkDigests: [Digest] = []
}
