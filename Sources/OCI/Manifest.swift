/// One image: a configuration and its layers, lowest first (OCI image specification, "manifest.md").
public struct Manifest: Codable, Hashable, Sendable {
    /// Always 2.
    public var schemaVersion: Int
    /// Type of this document; docker requires it, OCI recommends it.
    public var mediaType: String?
    /// Type of an artifact, when the manifest is one.
    public var artifactType: String?
    /// The image configuration.
    public var config: Descriptor
    /// Layers, lowest first.
    public var layers: [Descriptor]
    /// The manifest that this one refers to, for attestations, signatures and profiles.
    public var subject: Descriptor?
    /// Arbitrary facts.
    public var annotations: [String: String]?

    /// An OCI manifest of a configuration and layers.
    public init(config: Descriptor, layers: [Descriptor], annotations: [String: String]? = nil) {
        schemaVersion = 2
        mediaType = MediaType.manifest
        self.config = config
        self.layers = layers
        self.annotations = annotations
    }
}
