public import Digests

/// What was written: everything that a descriptor and a configuration need to know of a layer.
public struct EStargzLayer: Equatable, Sendable {
    /// Digest of the blob.
    public var digest: Digest
    /// Size of the blob in bytes.
    public var size: Int64
    /// Digest of the blob's full decompression, a tar archive.
    public var diffID: Digest
    /// Size of the full decompression in bytes.
    public var uncompressedSize: Int64
    /// Digest of the TOC's JSON bytes.
    public var tocDigest: Digest
    /// Where the TOC's gzip member begins in the blob.
    public var tocOffset: Int64
    /// Entries of the TOC, the continuing chunks of large files included.
    public var tocEntryCount: Int
}
