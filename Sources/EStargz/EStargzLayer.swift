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
    /// Where the TOC's member or frame begins in the blob; where the payloads end when the TOC is elsewhere.
    public var tocOffset: Int64
    /// Blob offset before which everything is wanted first; 0 for nothing.
    public var prefetchEnd: Int64
    /// Entries of the TOC, the continuing chunks of large files included.
    public var tocEntryCount: Int
    /// The TOC as a blob of its own, when the format keeps it outside.
    public var externalTOC: ExternalTOC?
    /// What zstd:chunked's annotations say.
    public var zstdManifest: ZstdManifest?
}

/// A TOC that is a layer of another image: a gzip tar of `stargz.index.json`.
public struct ExternalTOC: Equatable, Sendable {
    /// The blob.
    public var blob: [UInt8]
    /// Digest of the blob's decompression.
    public var diffID: Digest
}

/// The annotations of a zstd:chunked layer.
public struct ZstdManifest: Equatable, Sendable {
    /// `offset:length:uncompressed:type`.
    public var position: String
    /// Digest of the compressed TOC.
    public var checksum: Digest
}
