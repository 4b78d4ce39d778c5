internal import Digests
internal import LazyFS
internal import OCI

/// Number of a node of the store: what it is, and a hash of its name. The next process comes to the same numbers.
struct StoreNumber: Hashable, Sendable {
    let raw: UInt64

    /// What is in a layer's directory.
    enum Entry: String, Sendable {
        case info
        case blob
        case diff
    }

    private enum Kind: UInt64 {
        case image
        case layer
        case info
        case blob
        case diff
    }

    /// Low bits that say what a node is; the 37 above them are the hash, and the number has no more than the mount gives it.
    private static let kindBits: UInt64 = 3
    private static let hashBits: UInt64 = 37

    init(raw: UInt64) { self.raw = raw }

    private init(_ kind: Kind, _ text: String) {
        // The highest bit is always set: small numbers mean other things.
        let hash = Digest.sha256(Array(text.utf8)).leadingWord >> (64 - StoreNumber.hashBits) | 1 << (StoreNumber.hashBits - 1)
        raw = hash << StoreNumber.kindBits | kind.rawValue
    }

    /// An image's directory, by its name.
    init(_ image: Reference) { self.init(.image, image.description) }

    /// A layer's directory.
    init(_ key: LayerKey) { self.init(.layer, key.description) }

    /// A file in a layer's directory.
    init(_ key: LayerKey, _ entry: Entry) {
        let kind: Kind =
            switch entry {
            case .info: .info
            case .blob: .blob
            case .diff: .diff
            }
        raw = StoreNumber(key).raw & ~((1 << StoreNumber.kindBits) - 1) | kind.rawValue
    }

    /// The link to a directory: another for another target, for the kernel keeps targets.
    init(_ key: LayerKey, linkTo target: String) { self.init(.diff, "\(key) \(target)") }

    /// Which file of a layer's directory it is; nil for a directory.
    var entry: Entry? {
        switch Kind(rawValue: raw & ((1 << StoreNumber.kindBits) - 1)) {
        case .info: .info
        case .blob: .blob
        case .diff: .diff
        case .image, .layer, nil: nil
        }
    }

    /// The directory that a layer's file is in.
    var layer: UInt64 { raw & ~((1 << StoreNumber.kindBits) - 1) | Kind.layer.rawValue }
}
