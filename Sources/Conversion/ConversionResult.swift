public import Digests
public import EStargz
public import OCI

/// What became of one layer.
public struct ConvertedLayer: Equatable, Sendable {
    /// The layer as the source has it.
    public var source: Descriptor
    /// The layer as the destination has it.
    public var result: Descriptor
    /// Digest of the source's full decompression.
    public var sourceDiffID: Digest
    /// Digest of the result's full decompression.
    public var diffID: Digest
    /// Whether the layer was eStargz already and was copied.
    public var isReused: Bool
    /// Size of the full decompression in bytes; nil when the layer was reused and does not say it.
    public var uncompressedSize: Int64?
    /// Entries of the TOC; nil when the layer was reused.
    public var tocEntryCount: Int?
    /// Bytes after the end of the source's gzip data that were ignored and are no padding; gzip warns of them.
    public var ignoredBytes: UInt64
    /// The TOC, when the format keeps it outside of the layer.
    public var externalTOC: ExternalTOC?
    /// The most bytes that temporary files of this layer had on the disk at one time, as the file system counts them.
    public var temporaryBytes: Int64
}

/// What became of one image.
public struct ConvertedImage: Equatable, Sendable {
    /// The platform, when the source says it.
    public var platform: Platform?
    /// The image's manifest at the destination.
    public var manifest: Descriptor
    /// Its layers, lowest first.
    public var layers: [ConvertedLayer]
}

/// A finished conversion.
public struct ConversionResult: Equatable, Sendable {
    /// What the destination's name now means: a manifest, or an index when several images were asked for.
    public var descriptor: Descriptor
    /// The converted images.
    public var images: [ConvertedImage]
}

/// Something that happened in a conversion, for whoever draws progress. Events of different layers mix.
public enum ConversionEvent: Sendable {
    /// The work is known: so many different layers, so many compressed bytes.
    case planned(layers: Int, bytes: Int64)
    /// A layer begins to be read.
    case started(LayerName, bytes: Int64)
    /// Compressed bytes of the source's layer read so far; at most once per MiB.
    case progress(LayerName, bytes: Int64)
    /// A layer's temporary file outgrows the layer's size in the source, or the layer is converted once more with such a file. The reason is a
    /// line for people.
    case waitsWhole(LayerName, reason: String)
    /// A layer is converted and about to be stored.
    case converted(LayerName, Descriptor)
    /// A layer is in the format already and is copied.
    case reused(LayerName)
    /// A layer is at the destination; maybe it was there before.
    case stored(LayerName, wasThere: Bool)
    /// The image is tagged.
    case finished(Descriptor)
}
