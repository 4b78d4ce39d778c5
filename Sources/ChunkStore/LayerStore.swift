public import Digests
internal import Glibc
internal import HostSystem
internal import Synchronization
internal import TreeImage

/// The local store: what was fetched of each layer, kept by content and verified before it is kept.
///
/// A layer is a directory (see `StoredLayer`) that appears whole, by a rename, and is never changed but for its content growing. There is one
/// copy of the bytes, uncompressed, which FUSE reads and the kernel can mount; compressed bytes are not kept. The same chunk in two layers is
/// fetched once: `copyFromOpenLayer` finds it by digest. The store never talks to a registry and never decides what to fetch.
public final class LayerStore: Sendable {
    /// Directory of the store.
    public let root: String
    let open = Mutex<[Digest: Open]>([:])
    let overflow = ChunkOverflow()

    /// A layer that somebody has open, and only as long as somebody has.
    struct Open: Sendable {
        weak var layer: StoredLayer?
    }

    var layersDirectory: String { root + "/layers" }
    func directory(of digest: Digest) -> String { layersDirectory + "/" + digest.hex }
    var chainsDirectory: String { root + "/chains" }

    /// Opens the store below `root`, making it when it is not there, and removes what an earlier process left half-made.
    public init(root: String) throws {
        self.root = root
        try Files.makeDirectories(root + "/layers", mode: 0o711)
        try Files.makeDirectories(root + "/chains", mode: 0o700)
        try removeAbandoned()
    }

    /// A layer that is in the store and was compiled from the TOC of that digest; nil when it is not there (or damaged: then it is removed).
    public func layer(_ digest: Digest, tocDigest: Digest?) throws -> StoredLayer? {
        let found = try open.withLock { layers -> StoredLayer? in
            if let layer = layers[digest]?.layer { return layer }
            let directory = directory(of: digest)
            guard access(directory, F_OK) == 0 else { return nil }
            do {
                let layer = try StoredLayer(directory: directory, digest: digest, overflow: overflow)
                layers[digest] = Open(layer: layer)
                return layer
            } catch StoreError.system(_, _, ESTALE) {
                // Pruned at this moment; what is there now, if anything, is somebody else's.
                return nil
            } catch  where LayerStore.isDamage(error) {
                try Files.remove(directory)
                return nil
            }
        }
        guard let found, tocDigest == nil || found.facts.tocDigest == tocDigest else { return nil }
        return found
    }

    /// Whether an error says that a layer's files are not what they should be: they are derived from the blob and can be made again. What the
    /// machine lacks (descriptors, memory, a disk that answers) is no reason to throw away what was fetched.
    static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case StoreError.damaged, TreeImageError.damaged, HostError.tooLarge: true
        case StoreError.system(_, _, ENOENT), HostError.call(_, _, ENOENT): true
        default: false
        }
    }

    /// Finds a chunk by digest in the open layers, elsewhere in `layer` itself included, and stores it there; false when nobody has it.
    ///
    /// Costs a binary search in each open layer's map, and runs only when the alternative is a request to the registry.
    public func copyFromOpenLayer(chunk index: Int, to layer: StoredLayer) throws -> Bool {
        let wanted = layer.chunks.chunk(index)
        let candidates = open.withLock { $0.values.compactMap(\.layer) }
        for candidate in candidates {
            guard let found = candidate.chunks.first(of: wanted.digest, size: wanted.size, where: { candidate.isPresent($0) }) else {
                continue
            }
            let source = candidate.chunks.chunk(found)
            let count = Int(wanted.size)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
            defer { buffer.deallocate() }
            guard try candidate.content.read(at: source.contentOffset, into: buffer) == count else { continue }
            try layer.store(UnsafeRawBufferPointer(buffer), chunk: index)
            return true
        }
        return false
    }

    /// Writes a new file. Nobody waits for the disk: what a power cut takes from a file shows when it is opened, and it is made again.
    static func write(_ bytes: [UInt8], to path: String) throws(StoreError) {
        let file = try OpenFile(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        let result = bytes.withUnsafeBytes { bytes in Result { () throws(StoreError) in try file.write(bytes, at: 0) } }
        try result.get()
    }

    /// The name of a directory that is being made, or removed.
    func temporary(in directory: String, _ kind: String, _ digest: Digest) -> String {
        "\(directory)/\(kind)-\(digest.hex.prefix(16))-\(getpid())-\(RandomName.make())"
    }

    // Names carry the maker's process id: what a living process is making is left alone.
    private func removeAbandoned() throws {
        for directory in [layersDirectory, chainsDirectory] {
            for name in try Files.entries(directory) where name.hasPrefix(".new-") || name.hasPrefix(".old-") {
                let parts = name.split(separator: "-")
                if parts.count == 4, let owner = pid_t(parts[2]), kill(owner, 0) == 0 { continue }
                try Files.remove(directory + "/" + name)
            }
        }
    }
}
