internal import EROFS

/// The trees of a chain of layers as one.
public struct MergedChain: Sendable {
    /// The tree: an EROFS image without file data, whose files point into several content devices.
    public let erofs: [UInt8]
    /// Bytes of each content device, device 1 first.
    public let contentSizes: [UInt64]
    /// Number of inodes.
    public let inodeCount: Int
}

/// Merges the trees of a chain of layers into one, as overlayfs shows directories that are stacked: one lower directory for a container,
/// however many layers its image has.
///
/// An upper entry replaces lower ones; directories of one name become one with the upper's attributes; an opaque directory shows nothing of
/// the layers below, a whiteout nothing at all. What hides or is hidden is not in the result, and a hard link counts the names that are left.
/// As overlayfs, the merger takes no notice of an opaque mark on a layer's root directory.
public enum TreeMerger {
    /// Merges a chain.
    ///
    /// A chain of one layer whose tree hides no lower files (`LayerTree.hidesLowerFiles`) needs no merge: its own image is the result.
    /// Takes about a microsecond a file, on the calling thread.
    ///
    /// - Parameters:
    ///   - layers: the lowest first, at least one. Device k of the result is the content file of layer k; a tree that is itself merged
    ///     brings all of its devices, and the next layer's number is the one after them.
    ///   - keepsWhiteouts: for a part of a chain that is stacked on other layers: the whiteouts and opaque marks that hide something of them
    ///     stay, and a directory that replaced something else gets such a mark.
    /// - Throws: `TreeImageError` for a damaged tree, and for more files or layers than an image holds.
    public static func merge(_ layers: [LayerTree], keepsWhiteouts: Bool = false) throws(TreeImageError) -> MergedChain {
        precondition(!layers.isEmpty, "a chain has a layer")
        // From here on it is the result that is read.
        defer { for layer in layers { layer.releasePages() } }
        var merge = ChainMerge(layers, keepsWhiteouts: keepsWhiteouts)
        let tree = try merge.run()
        do {
            return MergedChain(erofs: try EROFSWriter.image(of: tree), contentSizes: tree.contentSizes, inodeCount: tree.nodes.count)
        } catch {
            throw .tree(error.description)
        }
    }
}
