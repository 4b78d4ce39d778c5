public import FetchEngine
public import TreeImage

/// What a slot of the mount shows: a tree whose files' contents are those of some layers, by content device.
public struct SlotTree: Sendable {
    /// The tree.
    public let tree: LayerTree
    /// Device 1 of the tree is the first.
    public let layers: [LazyLayer]

    /// A tree and its contents.
    public init(_ tree: LayerTree, layers: [LazyLayer]) {
        self.tree = tree
        self.layers = layers
    }
}

/// What a slot of the mount shows, in words that another process understands.
public struct SlotContents: Equatable, Sendable {
    /// Names a tree with all its node numbers: equal keys, equal numbers. One line without tabs, such as `layer sha256:… sha256:…`.
    public let key: String
    /// Where the bytes come from that are not here yet: an image, as a reference; empty when others tell. One line.
    public let origin: String

    /// Describes a slot.
    public init(key: String, origin: String) {
        self.key = key
        self.origin = origin
    }
}
