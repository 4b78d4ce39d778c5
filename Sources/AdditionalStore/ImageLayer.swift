internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import LazyFS
internal import OCI
internal import TreeImage

/// A layer as its image describes it, and what containers/storage wants to know of it.
struct ImageLayer: Codable, Equatable, Sendable {
    let descriptor: Descriptor
    /// Digest of the uncompressed tar.
    let diffID: Digest
    /// Bytes of the files, where the manifest does not say how long the tar is; nil before the layer was opened.
    var contentSize: UInt64?

    init(descriptor: Descriptor, diffID: Digest) {
        self.descriptor = descriptor
        self.diffID = diffID
    }

    func measured(by opened: LazyNode.Opened) -> ImageLayer {
        var layer = self
        layer.contentSize = opened.layer.stored.chunks.contentBytes
        return layer
    }

    /// Digest of the TOC, as one of the two formats has it.
    var tocDigest: Digest? {
        let annotations = descriptor.annotations
        return (annotations?[Annotation.tocDigest] ?? annotations?[Annotation.zstdChunkedChecksum]).flatMap { try? Digest(parsing: $0) }
    }

    /// Whether a digest means this layer.
    func isNamed(_ digest: Digest) -> Bool { descriptor.digest == digest || tocDigest == digest }

    /// The file `info`: the layer's record in containers/storage, as JSON.
    var info: [UInt8] {
        let size = descriptor.annotations?[Annotation.uncompressedSize].flatMap { UInt64($0) } ?? contentSize
        let info = Info(
            compressedDigest: descriptor.digest, compressedSize: descriptor.size, diffDigest: diffID, diffSize: size,
            compression: compression, tocDigest: tocDigest)
        // Numbers and digests: there is nothing that could not be encoded.
        return (try? Documents.encode(info)) ?? []
    }

    private struct Info: Encodable {
        let compressedDigest: Digest
        let compressedSize: Int64
        let diffDigest: Digest
        let diffSize: UInt64?
        let compression: Int
        let tocDigest: Digest?

        enum CodingKeys: String, CodingKey {
            case compressedDigest = "compressed-diff-digest"
            case compressedSize = "compressed-size"
            case diffDigest = "diff-digest"
            case diffSize = "diff-size"
            case compression
            case tocDigest = "toc-digest"
        }
    }

    /// containers/storage counts: none, bzip2, gzip, xz, zstd.
    private var compression: Int {
        switch MediaType.layerCompression(descriptor.mediaType) {
        case .gzip: 2
        case .zstd: 4
        case LayerCompression.none?, nil: 0
        }
    }
}
