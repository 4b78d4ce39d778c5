/// Annotation and label keys that the outside world fixes (contracts: eStargz specification, containers/storage, containerd).
public enum Annotation {
    /// Digest of the TOC JSON, on the layer's descriptor: the root of the verification chain.
    public static let tocDigest = "containerd.io/snapshot/stargz/toc.digest"
    /// Uncompressed size of the layer, in bytes.
    public static let uncompressedSize = "io.containers.estargz.uncompressed-size"
    /// In an external TOC image: the layer that the TOC belongs to.
    public static let externalTOCLayerDigest = "containerd.io/snapshot/stargz/layer.digest"
    /// zstd:chunked: digest of the compressed manifest.
    public static let zstdChunkedChecksum = "io.containers.zstd-chunked.manifest-checksum"
    /// zstd:chunked: `offset:length:uncompressed:type`.
    public static let zstdChunkedPosition = "io.containers.zstd-chunked.manifest-position"
    /// Ours, a hint that nobody has to trust: `tocOffset:prefetchEnd:size`, two places in an eStargz blob and its end, so that whoever opens the
    /// layer asks for what it needs and for nothing else. Below a prefix that containerd hands on to snapshotters.
    public static let openingHint = "containerd.io/snapshot/starling.opening"
    /// Label of a snapshot whose layer is to be mounted although nothing verifies its TOC.
    public static let skipVerify = "containerd.io/snapshot/remote/stargz.skipverify"
    /// Label of a snapshot: bytes of its layer to prefetch where that has no landmark.
    public static let prefetchSize = "containerd.io/snapshot/remote/stargz.prefetch"
    /// Name of a manifest in an OCI layout's index.json.
    public static let referenceName = "org.opencontainers.image.ref.name"
    /// Full image name, as containerd and nerdctl write it beside the reference name.
    public static let containerdImageName = "io.containerd.image.name"
}
