public import Digests
internal import FoundationEssentials
public import TreeImage

/// What a stored layer was compiled from: enough to know, without the registry, whether it is what an image asks for.
public struct LayerFacts: Codable, Equatable, Sendable {
    /// Digest of the TOC's JSON that the tree was compiled from.
    public var tocDigest: Digest
    /// Size of the blob in bytes.
    public var blobSize: UInt64
    /// Format of the blob, for people.
    public var format: String
    /// Whether the layer says itself what is to be prefetched; nil in layers that were stored before this was noted.
    public var hasLandmark: Bool?
    /// Version of the files' layout; a layer of another version is compiled again.
    public var version: Int
    /// Digest of the tree's file; nil until the store writes the layer.
    public internal(set) var treeDigest: Digest?
    /// Sum of the same; nil in layers that were stored before it was taken.
    public internal(set) var treeChecksum: TreeChecksum?
    /// Whether the tree hides files of layers below; nil in layers that were stored before this was noted.
    public internal(set) var hidesLowerFiles: Bool?

    /// The version that this code writes and reads: 2 since every file but the bitmap proves itself when it is opened.
    public static let currentVersion = 2

    /// Facts about a layer compiled now.
    public init(tocDigest: Digest, blobSize: UInt64, format: String, hasLandmark: Bool? = nil) {
        self.tocDigest = tocDigest
        self.blobSize = blobSize
        self.format = format
        self.hasLandmark = hasLandmark
        version = LayerFacts.currentVersion
    }

    init(bytes: [UInt8], path: String) throws(StoreError) {
        do {
            self = try JSONDecoder().decode(LayerFacts.self, from: Data(bytes))
        } catch {
            throw .damaged(path: path, reason: "not the expected JSON")
        }
    }

    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return [UInt8](try encoder.encode(self))
    }
}
