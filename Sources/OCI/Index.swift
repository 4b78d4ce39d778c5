/// A list of manifests, one per platform or artifact (OCI image specification, "image-index.md").
public struct Index: Codable, Hashable, Sendable {
    /// Always 2.
    public var schemaVersion: Int
    /// Type of this document.
    public var mediaType: String?
    /// Type of an artifact, when the index is one.
    public var artifactType: String?
    /// The manifests.
    public var manifests: [Descriptor]
    /// The manifest that this one refers to.
    public var subject: Descriptor?
    /// Arbitrary facts.
    public var annotations: [String: String]?

    /// An OCI index of manifests.
    public init(manifests: [Descriptor], annotations: [String: String]? = nil) {
        schemaVersion = 2
        mediaType = MediaType.index
        self.manifests = manifests
        self.annotations = annotations
    }

    /// The first manifest for a platform; attestations (platform `unknown/unknown`) never match.
    ///
    /// A manifest that names no platform matches when it is the only one, as docker does.
    public func manifest(for wanted: Platform) -> Descriptor? {
        let images = manifests.filter { MediaType.isManifest($0.mediaType) }
        if let match = images.first(where: { $0.platform.map(wanted.matches) ?? false }) { return match }
        return images.count == 1 && images[0].platform == nil ? images[0] : nil
    }
}
