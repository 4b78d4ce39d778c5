internal import OCI

/// The labels that tell a snapshotter which layer a snapshot is (contracts.md 2): the client's side of `Snapshots.LayerLabels`.
///
/// containerd hands a snapshotter only what begins with `containerd.io/snapshot/`, and refuses a label whose key and value have more than
/// 4,096 bytes together.
enum SnapshotLabels {
    static let target = "containerd.io/snapshot.ref"
    static let remote = "containerd.io/snapshot/remote"
    static let notLazy = "containerd.io/snapshot/starling.not-lazy"
    private static let prefix = "containerd.io/snapshot/"
    private static let size = "containerd.io/snapshot/starling.size"
    private static let annotationPrefix = "containerd.io/snapshot/starling.annotation/"
    static let maximumLabelSize = 4096

    /// - Parameters:
    ///   - layers: of the manifest, lowest first.
    ///   - index: of the layer that the snapshot is.
    ///   - target: name of the committed snapshot.
    static func labels(reference: Reference, layers: [Descriptor], index: Int, target: String) -> [String: String] {
        let layer = layers[index]
        let digests = layers[index...].map { "\($0.digest)" }
        var labels: [String: String] = [:]
        for (key, value) in layer.annotations ?? [:] {
            let key = key.hasPrefix(prefix) ? key : annotationPrefix + key
            // What does not fit is a hint less, not a failed pull.
            if key.utf8.count + value.utf8.count <= maximumLabelSize { labels[key] = value }
        }
        for (set, names) in [
            ("cri.", ["image-ref", "layer-digest", "image-layers"]), ("remote/stargz.", ["reference", "digest", "layers"]),
        ] {
            let keys = names.map { prefix + set + $0 }
            labels[keys[0]] = "\(reference)"
            labels[keys[1]] = "\(layer.digest)"
            labels[keys[2]] = list(digests, limit: maximumLabelSize - keys[2].utf8.count)
        }
        labels[size] = "\(layer.size)"
        labels[Self.target] = target
        return labels
    }

    /// As many elements as fit.
    static func list(_ elements: [String], limit: Int) -> String {
        var text = ""
        for element in elements {
            let next = text.isEmpty ? element : text + "," + element
            guard next.utf8.count <= limit else { break }
            text = next
        }
        return text
    }
}
