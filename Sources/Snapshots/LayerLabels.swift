internal import Digests
internal import OCI

/// Snapshot labels that name a layer (contracts.md 2), and the request that they amount to.
public enum LayerLabels {
    /// Name wanted for the committed snapshot: the chain ID of the layer.
    public static let target = "containerd.io/snapshot.ref"
    /// Marks snapshots whose contents the client did not unpack.
    public static let remote = "containerd.io/snapshot/remote"
    /// The marker's value.
    public static let remoteValue = "remote snapshot"

    /// Ids of the user namespace that a snapshot is for, `inside:host:count` and more of them after commas; both or neither.
    static let userMap = "containerd.io/snapshot/uidmapping"
    static let groupMap = "containerd.io/snapshot/gidmapping"

    /// containerd's CRI plugin: image reference, layer digest, digests of this layer and those above.
    static let criReference = "containerd.io/snapshot/cri.image-ref"
    static let criDigest = "containerd.io/snapshot/cri.layer-digest"
    static let criLayers = "containerd.io/snapshot/cri.image-layers"
    /// On an active snapshot: why its layer could not be lazy.
    public static let notLazy = "containerd.io/snapshot/starling.not-lazy"
    /// Size of the layer blob in bytes, as our own client writes it.
    public static let size = "containerd.io/snapshot/starling.size"
    /// Before an annotation's key: containerd hands only labels below `containerd.io/snapshot/` to snapshotters, so our own client
    /// puts the layer descriptor's other annotations there.
    public static let annotationPrefix = "containerd.io/snapshot/starling.annotation/"
    /// Longest reason, in characters: a label's key and value may have 4,096 bytes together (containerd's labels package).
    static let maximumReasonLength = 900

    /// The same three as stargz clients write them.
    static let stargzReference = "containerd.io/snapshot/remote/stargz.reference"
    static let stargzDigest = "containerd.io/snapshot/remote/stargz.digest"
    static let stargzLayers = "containerd.io/snapshot/remote/stargz.layers"

    /// Reads the request out of a snapshot's labels, CRI's set first.
    ///
    /// - Throws: one line that says what is missing or malformed, the reason why the layer cannot be lazy.
    static func request(from labels: [String: String]) throws(LayerLabelError) -> LazyLayerRequest {
        guard let reference = labels[criReference] ?? labels[stargzReference] else { throw .missing(criReference, or: stargzReference) }
        guard let digest = labels[criDigest] ?? labels[stargzDigest] else { throw .missing(criDigest, or: stargzDigest) }
        let layers = labels[criLayers] ?? labels[stargzLayers] ?? ""
        do {
            return LazyLayerRequest(
                reference: try Reference(parsing: reference),
                digest: try Digest(parsing: digest),
                size: labels[size].flatMap { Int64($0) },
                annotations: annotations(labels),
                siblings: siblings(layers))
        } catch let error as ReferenceError {
            throw .malformed(error.description)
        } catch {
            throw .malformed("the layer digest label: \(error)")
        }
    }

    private static func annotations(_ labels: [String: String]) -> [String: String] {
        var annotations = labels
        for (key, value) in labels where key.hasPrefix(annotationPrefix) {
            annotations[String(key.dropFirst(annotationPrefix.count))] = value
        }
        return annotations
    }

    /// The list may be cut short anywhere by label size limits: what does not parse is left out.
    private static func siblings(_ text: String) -> [Digest] {
        // By bytes: there are some fifty, with every layer of an image.
        text.utf8.split(separator: UInt8(ascii: ",")).compactMap { part in
            try? Digest(parsing: Substring(part))  // deliberate: see above
        }
    }
}

/// Why labels do not name a layer.
enum LayerLabelError: Error, CustomStringConvertible {
    case missing(String, or: String)
    case malformed(String)

    var description: String {
        switch self {
        case .missing(let first, let second): "the client passed neither the label \(first) nor \(second)"
        case .malformed(let reason): reason
        }
    }
}
