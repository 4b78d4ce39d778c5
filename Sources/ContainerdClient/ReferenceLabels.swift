internal import OCI

/// Labels on a stored document that let containerd's garbage collector walk from the image record to everything below: without them, what
/// a document lists is removed as soon as the lease ends.
enum ReferenceLabels {
    private static let prefix = "containerd.io/gc.ref.content."

    /// Of a manifest: its configuration and layers.
    static func labels(of manifest: Manifest) -> [String: String] {
        var labels = [prefix + "config": "\(manifest.config.digest)"]
        for (index, layer) in manifest.layers.enumerated() { labels[prefix + "l.\(index)"] = "\(layer.digest)" }
        return labels
    }

    /// Of an index: those of its manifests that are stored.
    static func labels(ofIndexWith manifests: [Descriptor]) -> [String: String] {
        var labels: [String: String] = [:]
        for (index, manifest) in manifests.enumerated() { labels[prefix + "m.\(index)"] = "\(manifest.digest)" }
        return labels
    }
}
