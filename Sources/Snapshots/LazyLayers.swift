public import Digests
public import OCI

/// The seam to whoever can present a layer's tree before its bytes are here.
///
/// `Snapshotter` decides *which* layers it wants and for how long; an implementation mounts and unmounts. What is mounted and unmounted of one
/// digest never overlaps: the snapshotter joins equal requests and waits for an unmount before it mounts again. Only what waits for the network
/// may: an image whose registry is stuck must not keep another from getting the same layer elsewhere.
public protocol LazyLayers: Sendable {
    /// Decides whether a layer that a client asks for is to be lazy; asked before it is mounted, and again after, when more is known of it. Not asked
    /// of layers that snapshots use already.
    ///
    /// - Throws: an error whose description is one line that says why the client is to unpack it.
    func admit(_ request: LazyLayerRequest) async throws
    /// Told of a target whose layer the client did not name in its labels, and why that is so.
    func noteUnnamed(_ target: String, reason: String) async
    /// What is left to do when the network has been asked: makes the layer's tree ready to be presented. Throws as `open`. Dropped
    /// without a call when the layer was mounted with another registry's help meanwhile, or is not wanted any more.
    typealias Mounting = @Sendable () async throws -> Void
    /// Finds out all that mounting a layer takes. Ends by itself: network waits in here have deadlines. Calls for one digest overlap each other and
    /// everything else when they name different registries.
    ///
    /// - Throws: an error whose description is one line that says why the layer cannot be lazy.
    func open(_ request: LazyLayerRequest) async throws -> Mounting
    /// Directories that overlayfs can use as `lowerdir`, topmost first, which show mounted layers as one tree; no network is asked.
    /// Valid until the first of the layers is unmounted.
    ///
    /// - Parameters:
    ///   - layers: lowest first, at least one.
    ///   - keepsWhiteouts: whether other directories come below these.
    func lowerDirectories(of layers: [Digest], keepsWhiteouts: Bool) async throws -> [String]
    /// Gives the tree up; the last snapshot that used it is gone. Harmless for a layer that is not mounted.
    func unmount(_ digest: Digest) async
    /// Bytes and inodes that the layer takes on the local disk now.
    func usage(_ digest: Digest) async -> (bytes: Int64, inodes: Int64)
}

/// What identifies a layer and where to get it.
public struct LazyLayerRequest: Codable, Hashable, Sendable {
    /// The image as the client named it; its repository holds the layer.
    public let reference: Reference
    /// Digest of the layer blob.
    public let digest: Digest
    /// Size of the layer blob in bytes, when the client told.
    public let size: Int64?
    /// The snapshot labels of contracts.md 2, descriptor annotations (TOC digest and others) among them.
    public let annotations: [String: String]
    /// Digests of the image's layers from this one upwards, as far as the client told; worth opening at the same time.
    public let siblings: [Digest]

    /// Names a layer of an image.
    public init(reference: Reference, digest: Digest, size: Int64? = nil, annotations: [String: String] = [:], siblings: [Digest] = []) {
        self.reference = reference
        self.digest = digest
        self.size = size
        self.annotations = annotations
        self.siblings = siblings
    }

    /// The same without what the client told of the image's other layers: for requests that outlive the process, when each of them has its own.
    var withoutSiblings: LazyLayerRequest {
        let others = [LayerLabels.criLayers, LayerLabels.stargzLayers]
        return LazyLayerRequest(
            reference: reference, digest: digest, size: size, annotations: annotations.filter { !others.contains($0.key) }, siblings: [])
    }

    private enum CodingKeys: String, CodingKey {
        case reference, digest, size, annotations, siblings
    }

    /// Decodes what `encode(to:)` wrote; used for requests that outlive the process.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        reference = try Reference(parsing: container.decode(String.self, forKey: .reference))
        digest = try container.decode(Digest.self, forKey: .digest)
        size = try container.decodeIfPresent(Int64.self, forKey: .size)
        annotations = try container.decode([String: String].self, forKey: .annotations)
        siblings = try container.decode([Digest].self, forKey: .siblings)
    }

    /// Encodes the request, the reference as text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(reference.description, forKey: .reference)
        try container.encode(digest, forKey: .digest)
        try container.encodeIfPresent(size, forKey: .size)
        try container.encode(annotations, forKey: .annotations)
        try container.encode(siblings, forKey: .siblings)
    }
}
