internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import OCI
internal import Registry

/// The keys that `LazyNode` gives its slots, as values.
///
///     layer <digest> <digest of its tree>
///     chain whole|upper <digest of its tree> <digests of its layers, lowest first>…
///
/// The tree's digest is part of them because another version of starling may number the nodes of the same layer differently.
enum SlotWords: Equatable {
    case layer(Digest, tree: Digest)
    case chain([Digest], keepsWhiteouts: Bool, tree: Digest)

    private static let (layerWord, chainWord, upperWord, wholeWord) = ("layer", "chain", "upper", "whole")

    init?(_ key: String) {
        let words = key.split(separator: " ")
        func digests(from index: Int) -> [Digest]? {
            let digests = words.dropFirst(index).compactMap { try? Digest(parsing: String($0)) }
            return digests.count == words.count - index ? digests : nil
        }
        switch words.first.map(String.init) {
        case Self.layerWord:
            guard let digests = digests(from: 1), digests.count == 2 else { return nil }
            self = .layer(digests[0], tree: digests[1])
        case Self.chainWord:
            guard words.count >= 4, [Self.upperWord, Self.wholeWord].contains(String(words[1])), let digests = digests(from: 2) else {
                return nil
            }
            self = .chain(Array(digests.dropFirst()), keepsWhiteouts: words[1] == Self.upperWord, tree: digests[0])
        default: return nil
        }
    }

    var key: String {
        switch self {
        case .layer(let digest, let tree): "\(Self.layerWord) \(digest) \(tree)"
        case .chain(let layers, let keepsWhiteouts, let tree):
            ([Self.chainWord, keepsWhiteouts ? Self.upperWord : Self.wholeWord, tree.description] + layers.map(\.description))
                .joined(separator: " ")
        }
    }
}

extension SlotContents {
    /// A layer, and an image that it is part of.
    init(_ layer: StoredLayer, of reference: Reference) {
        self.init(key: SlotWords.layer(layer.digest, tree: layer.treeDigest).key, origin: "\(reference)")
    }

    /// A chain of layers that have slots of their own.
    init(_ chain: StoredChain, keepsWhiteouts: Bool) {
        self.init(key: SlotWords.chain(chain.layers, keepsWhiteouts: keepsWhiteouts, tree: chain.treeDigest).key, origin: "")
    }
}

extension LayerStore {
    /// What slots showed, out of the store; no registry is asked, and what is not here as it was is not in the result.
    ///
    /// - Parameter known: layers that this process has open.
    func trees(of slots: [Int: SlotContents], known: [LazyLayer] = [], client: RegistryClient) -> [Int: SlotTree] {
        var layers = Dictionary(known.map { ($0.digest, $0) }, uniquingKeysWith: { first, _ in first })
        var trees: [Int: SlotTree] = [:]
        let words = slots.compactMapValues { SlotWords($0.key) }
        for (slot, words) in words {
            guard case .layer(let digest, let tree) = words, let origin = slots[slot]?.origin else { continue }
            guard let layer = layers[digest] ?? lazyLayer(digest, of: origin, client), layer.stored.treeDigest == tree else { continue }
            layers[digest] = layer
            trees[slot] = SlotTree(layer.stored.tree, layers: [layer])
        }
        for (slot, words) in words {
            guard case .chain(let digests, let keepsWhiteouts, let tree) = words else { continue }
            let parts = digests.compactMap { layers[$0] }
            guard parts.count == digests.count, let chain = try? chain(of: parts.map(\.stored), keepsWhiteouts: keepsWhiteouts),
                chain.treeDigest == tree
            else { continue }
            trees[slot] = SlotTree(chain.tree, layers: parts)
        }
        return trees
    }

    private func lazyLayer(_ digest: Digest, of origin: String, _ client: RegistryClient) -> LazyLayer? {
        // What is not here or damaged is lost; the caller says so.
        guard let reference = try? Reference(parsing: origin), let stored = try? layer(digest, tocDigest: nil) else { return nil }
        let descriptor = Descriptor(
            mediaType: MediaType.layerGzip, digest: digest, size: Int64(clamping: stored.facts.blobSize), annotations: nil)
        return LazyLayer(stored: stored, source: client.blob(descriptor, of: reference))
    }
}
