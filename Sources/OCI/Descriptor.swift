public import Digests

/// A typed pointer to content: what it is, how many bytes, which digest (OCI image specification, "descriptor.md").
public struct Descriptor: Codable, Hashable, Sendable {
    /// Type of the content.
    public var mediaType: String
    /// Digest of the content's bytes.
    public var digest: Digest
    /// Size of the content in bytes.
    public var size: Int64
    /// Where else the content may be fetched from.
    public var urls: [String]?
    /// Arbitrary facts; eStargz keeps the TOC digest here.
    public var annotations: [String: String]?
    /// For a manifest in an index: the platform that it runs on.
    public var platform: Platform?
    /// Type of an artifact, when the content is one.
    public var artifactType: String?
    /// The content itself, base64, when it is embedded.
    public var data: String?

    /// Describes content by its type, digest and size.
    public init(
        mediaType: String, digest: Digest, size: Int64, annotations: [String: String]? = nil, platform: Platform? = nil,
        urls: [String]? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.annotations = annotations
        self.platform = platform
        self.urls = urls
    }

    /// Describes a document of this type.
    public init(of bytes: [UInt8], mediaType: String, annotations: [String: String]? = nil) {
        self.init(mediaType: mediaType, digest: Digest.sha256(bytes), size: Int64(bytes.count), annotations: annotations)
    }
}
