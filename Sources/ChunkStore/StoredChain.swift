public import Digests
internal import Glibc
internal import HostSystem
public import TreeImage

/// A chain of layers in the store: the one tree that they make together.
///
///     chains/<hex>/tree.erofs   merged tree, immutable; content device k is the k-th layer, lowest first
///                  chain        digest of the tree, then the layers' digests, a line each
///
/// Derived from its layers' trees and made again when it is lost.
public final class StoredChain: Sendable {
    /// Identity: of the layers, their order, and how they were merged.
    public let digest: Digest
    /// The merged tree.
    public let tree: LayerTree
    /// Digest of the tree's image.
    public let treeDigest: Digest
    /// Where the tree's image is.
    public let treePath: String
    /// Digests of the layers, lowest first.
    public let layers: [Digest]

    /// - Parameter isNew: whether this process has just written it: then the tree need not prove itself.
    init(directory: String, digest: Digest, isNew: Bool = false) throws {
        let digests = try StoredChain.facts(in: directory)
        guard let first = digests.first else { throw StoreError.damaged(path: directory + "/chain", reason: "empty") }
        self.digest = digest
        treeDigest = first
        layers = Array(digests.dropFirst())
        treePath = directory + "/tree.erofs"
        tree = try LayerTree(path: treePath, digest: isNew ? nil : first)
    }

    private static func facts(in directory: String) throws -> [Digest] {
        let text = String(decoding: try Files.read(directory + "/chain", limit: 1 << 20), as: UTF8.self)
        return try text.split(separator: "\n").map { try Digest(parsing: String($0)) }
    }

    /// Digests of the layers of the chain in a directory, lowest first; none of a damaged one.
    static func layers(in directory: String) throws -> [Digest] { Array(((try? facts(in: directory)) ?? []).dropFirst()) }

    /// A chain of one layer that needs no merging: the layer's own tree.
    init(of layer: StoredLayer, digest: Digest) {
        self.digest = digest
        treeDigest = layer.treeDigest
        layers = [layer.digest]
        treePath = layer.treePath
        tree = layer.tree
    }

    /// What identifies a chain; nothing is read for it.
    public static func identity(of layers: [StoredLayer], keepsWhiteouts: Bool) -> Digest {
        // The version is that of the merged tree's form.
        var text = "starling chain 1 \(keepsWhiteouts ? "upper" : "whole")\n"
        for layer in layers { text += "\(layer.digest) \(layer.facts.tocDigest)\n" }
        return Digest.sha256(Array(text.utf8))
    }
}

extension LayerStore {
    /// The chain of some layers, merged now if it was not before.
    ///
    /// - Parameters:
    ///   - layers: lowest first, at least one.
    ///   - keepsWhiteouts: whether something else comes below, so that what the chain hides must stay marked.
    /// - Throws: `TreeImageError`, `StoreError` or `HostError`.
    public func chain(of layers: [StoredLayer], keepsWhiteouts: Bool) throws -> StoredChain {
        let digest = StoredChain.identity(of: layers, keepsWhiteouts: keepsWhiteouts)
        // Alone, a whiteout would show as a device.
        if layers.count == 1, try keepsWhiteouts || !layers[0].tree.hidesLowerFiles() { return StoredChain(of: layers[0], digest: digest) }
        let directory = chainsDirectory + "/" + digest.hex
        if let chain = try stored(digest, directory) { return chain }
        let merged = try TreeMerger.merge(layers.map(\.tree), keepsWhiteouts: keepsWhiteouts)
        let temporary = temporary(in: chainsDirectory, ".new", digest)
        guard mkdir(temporary, 0o700) == 0 else { throw StoreError.last("mkdir", temporary) }
        var isNew = true
        do {
            try LayerStore.write(merged.erofs, to: temporary + "/tree.erofs")
            let facts = ([Digest.sha256(merged.erofs)] + layers.map(\.digest)).map { "\($0)\n" }.joined()
            try LayerStore.write(Array(facts.utf8), to: temporary + "/chain")
            if rename(temporary, directory) != 0 {
                // Another process was faster, with the same result.
                guard errno == EEXIST || errno == ENOTEMPTY else { throw StoreError.last("rename", temporary) }
                isNew = false
                try Files.remove(temporary)
            }
        } catch {
            try Files.remove(temporary)
            throw error
        }
        // Merging takes some hundred bytes a file for a moment.
        defer { ProcessMemory.returnUnused() }
        return try StoredChain(directory: directory, digest: digest, isNew: isNew)
    }

    private func stored(_ digest: Digest, _ directory: String) throws -> StoredChain? {
        guard Files.exists(directory) else { return nil }
        do {
            return try StoredChain(directory: directory, digest: digest)
        } catch {
            // Damaged or cut short: it is made again.
            try Files.remove(directory)
            return nil
        }
    }
}
