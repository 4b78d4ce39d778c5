internal import Compression

/// What kind of blob a layer is written as (eStargz specification; containers/storage for zstd:chunked).
public enum LayerFormat: Sendable, Equatable {
    /// Gzip members; the TOC is the last entry of the archive.
    case estargz
    /// Gzip members; the TOC is a blob of its own, for another image. With `keepsDiffID` the decompressed bytes are the source's own,
    /// so that nothing can be added: no landmark, and no prioritized files.
    case externalTOC(keepsDiffID: Bool)
    /// Zstandard frames; the TOC is in a skippable frame at the end.
    case zstdChunked

    /// How members are compressed.
    public var compression: MemberCompression {
        switch self {
        case .estargz, .externalTOC: .gzip
        case .zstdChunked: .zstd
        }
    }

    /// Whether the decompressed bytes must be the source's.
    public var keepsDiffID: Bool { self == .externalTOC(keepsDiffID: true) }
}

/// How the members of a layer are compressed.
public enum MemberCompression: Sendable, Equatable {
    /// Gzip members, with libdeflate.
    case gzip
    /// Zstandard frames.
    case zstd

    /// Level when nothing else is asked for.
    public var defaultLevel: Int {
        switch self {
        case .gzip: GzipCompressor.defaultLevel
        case .zstd: ZstdCompressor.defaultLevel
        }
    }

    /// Level of what stands before the landmark, when nothing else is asked for: a start waits for every byte of it, each time.
    public var defaultFrontLevel: Int {
        switch self {
        case .gzip: GzipCompressor.smallLevel
        case .zstd: ZstdCompressor.smallLevel
        }
    }
}

/// Makes members of either kind. One per thread.
enum MemberCompressor {
    case gzip(GzipCompressor)
    case zstd(ZstdCompressor)

    init(_ compression: MemberCompression, level: Int) throws(CompressionError) {
        switch compression {
        case .gzip: self = .gzip(try GzipCompressor(level: level))
        case .zstd: self = .zstd(try ZstdCompressor(level: level))
        }
    }

    /// Appends one member that holds `bytes`.
    func member(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        switch self {
        case .gzip(let compressor): compressor.member(bytes, into: &output)
        case .zstd(let compressor): compressor.frame(bytes, into: &output)
        }
    }
}
