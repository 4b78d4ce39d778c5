/// Media types of manifests, configs and layers, and what they tell about a layer's compression.
///
/// Source: OCI image specification 1.1 "media-types.md"; docker's "Image Manifest V 2, Schema 2".
public enum MediaType {
    /// OCI image index.
    public static let index = "application/vnd.oci.image.index.v1+json"
    /// OCI image manifest.
    public static let manifest = "application/vnd.oci.image.manifest.v1+json"
    /// What an artifact without a configuration has in its place: `{}`.
    public static let empty = "application/vnd.oci.empty.v1+json"
    /// OCI image configuration.
    public static let config = "application/vnd.oci.image.config.v1+json"
    /// Plain tar layer.
    public static let layerTar = "application/vnd.oci.image.layer.v1.tar"
    /// Gzip layer; eStargz layers have this type too.
    public static let layerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    /// Zstandard layer; zstd:chunked layers have this type too.
    public static let layerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    /// Docker's manifest list, the counterpart of an index.
    public static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// Docker's manifest.
    public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    /// Docker's image configuration.
    public static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    /// Docker's gzip layer.
    public static let dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    /// Docker's Zstandard layer.
    public static let dockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd"
    /// Docker's plain tar layer.
    public static let dockerLayerTar = "application/vnd.docker.image.rootfs.diff.tar"

    /// Whether the type names a list of manifests.
    public static func isIndex(_ type: String) -> Bool { type == index || type == dockerIndex }
    /// Whether the type names one image's manifest.
    public static func isManifest(_ type: String) -> Bool { type == manifest || type == dockerManifest }
    /// Whether the type names an image configuration.
    public static func isConfig(_ type: String) -> Bool { type == config || type == dockerConfig }

    /// How the bytes of a layer are compressed, as its media type says; nil when the type is not a file system layer.
    public static func layerCompression(_ type: String) -> LayerCompression? {
        switch type {
        case layerTar, dockerLayerTar, "application/vnd.oci.image.layer.nondistributable.v1.tar": LayerCompression.none
        case layerGzip, dockerLayerGzip, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            .gzip
        case layerZstd, dockerLayerZstd, "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
            .zstd
        default: nil
        }
    }
}

/// Compression of a layer blob.
public enum LayerCompression: Sendable, Hashable {
    /// A plain tar.
    case none
    /// Gzip, one or many members.
    case gzip
    /// Zstandard, one or many frames.
    case zstd
}
