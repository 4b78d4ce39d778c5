// Compression: gzip members and zstd frames, in memory and as streams.
//
//   whole buffers   GzipCompressor, GzipDecompressor (libdeflate), ZstdDecompressor (libzstd): what a layer's chunks are made of
//   streams         StreamDecompressor: a push/pull step over caller's buffers; DecompressingReader: the same behind one `read`
//
// Every object belongs to one thread at a time and holds its C state until it is freed; parallel work uses one object per thread.
// Nothing here allocates by what the input claims: output goes into buffers whose size the caller chose.
// The room never touches files, sockets or threads.

/// How a byte stream is compressed.
public enum Algorithm: Sendable, Hashable, CustomStringConvertible {
    /// Not at all.
    case none
    /// Gzip (RFC 1952), one or many members.
    case gzip
    /// Zstandard (RFC 8878), one or many frames, skippable frames included.
    case zstd

    /// Bytes that `detect` wants to see: the longest magic number.
    public static let magicSize = 4

    /// Tells the algorithm from a stream's first bytes (fewer than `magicSize` when the stream is that short), as containerd does.
    ///
    /// Whatever is neither gzip nor zstd is `none`.
    public static func detect(_ prefix: UnsafeRawBufferPointer) -> Algorithm {
        if prefix.count >= 3, prefix[0] == 0x1f, prefix[1] == 0x8b, prefix[2] == 8 { return .gzip }
        guard prefix.count >= 4 else { return .none }
        let magic = UInt32(littleEndian: prefix.loadUnaligned(as: UInt32.self))
        // A frame, or one of the sixteen skippable frames (RFC 8878, 3.1).
        if magic == 0xFD2F_B528 || magic & 0xFFFF_FFF0 == 0x184D_2A50 { return .zstd }
        return .none
    }

    /// `none`, `gzip` or `zstd`.
    public var description: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .zstd: "zstd"
        }
    }
}
