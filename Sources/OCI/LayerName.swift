public import Digests

/// Names a layer for messages: its place in its image, and its digest.
public struct LayerName: Hashable, Sendable, CustomStringConvertible {
    /// Place in the image, lowest layer 1.
    public let number: Int
    /// How many layers the image has.
    public let count: Int
    /// Digest of the blob.
    public let digest: Digest

    /// Names a layer by its index in a manifest, lowest layer 0.
    public init(index: Int, of manifest: Manifest) {
        number = index + 1
        count = manifest.layers.count
        digest = manifest.layers[index].digest
    }

    /// `layer 2 of 5 (sha256:0123456789ab…)`.
    public var description: String { "layer \(number) of \(count) (\(digest.description.prefix(19))…)" }
}
