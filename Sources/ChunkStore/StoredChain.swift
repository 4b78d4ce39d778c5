public import Digests
internal import Glibc
internal import HostSystem
public import TreeImage

/// A chain of layers in the store: the one tree that they make together.
///
///     chains/<hex>/tree.erofs   merged tree, immutable; content device k is the k-th layer, lowest first
///                  chain        digest of the tree and its checksum, then the layers' digests, a line each
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

    /// What the file `chain` says.
    private struct Facts {
        let tree: Digest
        /// Nil in chains that were stored before it was taken.
        let checksum: TreeChecksum?
        let layers: [Digest]

        init(tree: [UInt8], layers: [Digest]) {
            self.tree = Digest.sha256(tree)
            checksum = tree.withUnsafeBytes { TreeChecksum(of: $0) }
            self.layers = layers
        }

        init(directory: String) throws {
            let text = String(decoding: try Files.read(directory + "/chain", limit: 1 << 20), as: UTF8.self)
            let lines = text.split(separator: "\n")
            let words = lines.first?.split(separator: " ") ?? []
            guard let tree = words.first else { throw StoreError.damaged(path: directory + "/chain", reason: "empty") }
            self.tree = try Digest(parsing: String(tree))
            checksum = words.dropFirst().first.flatMap { TreeChecksum($0) }
            layers = try lines.dropFirst().map { try Digest(parsing: String($0)) }
        }

        var bytes: [UInt8] {
            let first = "\(tree)" + (checksum.map { " " + $0.text } ?? "")
            return Array(([first] + layers.map(\.description)).map { $0 + "\n" }.joined().utf8)
        }
    }

    /// - Parameter isNew: whether this process has just written it: then the tree need not prove itself.
    init(directory: String, digest: Digest, isNew: Bool = false) throws {
        let facts = try Facts(directory: directory)
        self.digest = digest
        treeDigest = facts.tree
        layers = facts.layers
        treePath = directory + "/tree.erofs"
        tree = try LayerTree(path: treePath, proof: isNew ? nil : LayerTree.Proof(facts.checksum, facts.tree))
    }

    /// Writes a merged tree and what tells of it.
    static func write(_ tree: [UInt8], of layers: [StoredLayer], in directory: String) throws {
        try LayerStore.write(tree, to: directory + "/tree.erofs")
        try LayerStore.write(Facts(tree: tree, layers: layers.map(\.digest)).bytes, to: directory + "/chain")
    }

    /// Digests of the layers of the chain in a directory, lowest first; none of a damaged one.
    static func layers(in directory: String) throws -> [Digest] { (try? Facts(directory: directory))?.layers ?? [] }

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
        if layers.count == 1, try keepsWhiteouts || !layers[0].hidesLowerFiles() { return StoredChain(of: layers[0], digest: digest) }
        let directory = chainsDirectory + "/" + digest.hex
        if let chain = try stored(digest, directory) { return chain }
        let merged = try TreeMerger.merge(layers.map(\.tree), keepsWhiteouts: keepsWhiteouts)
        let temporary = temporary(in: chainsDirectory, ".new", digest)
        guard mkdir(temporary, 0o700) == 0 else { throw StoreError.last("mkdir", temporary) }
        var isNew = true
        do {
            try StoredChain.write(merged.erofs, of: layers, in: temporary)
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
