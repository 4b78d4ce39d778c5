public import Digests
internal import Glibc
internal import HostSystem

/// A layer in the store, as `starling cache ls` shows it.
public struct StoredLayerInfo: Equatable, Sendable {
    /// Digest of the layer's blob.
    public let digest: Digest
    /// Bytes that its files take on the disk.
    public let diskBytes: UInt64
    /// When it was last opened, in seconds since 1970.
    public let lastUsed: Int64
    /// Whether some process has it open now.
    public let isUsed: Bool
}

/// What pruning did.
public struct PruneResult: Equatable, Sendable {
    /// Layers that were removed.
    public var removed: [Digest] = []
    /// Bytes that they took on the disk.
    public var freedBytes: UInt64 = 0
    /// Bytes that are left.
    public var leftBytes: UInt64 = 0
}

// What the store takes of the disk, and giving it back.
extension LayerStore {
    /// All layers, the longest unused first.
    public func layers() throws -> [StoredLayerInfo] {
        var found: [StoredLayerInfo] = []
        for name in try Files.entries(layersDirectory) where !name.hasPrefix(".") {
            guard let digest = try? Digest(parsing: "sha256:" + name) else { continue }
            let directory = layersDirectory + "/" + name
            var status = stat()
            // One that is removed at this moment.
            guard stat(directory + "/" + LayerStore.lockedFile, &status) == 0 else { continue }
            found.append(
                StoredLayerInfo(
                    digest: digest, diskBytes: LayerStore.usage(directory).bytes, lastUsed: Int64(status.st_mtim.tv_sec),
                    isUsed: UseLock.alone(directory + "/" + LayerStore.lockedFile) == nil))
        }
        return found.sorted { ($0.lastUsed, $0.digest) < ($1.lastUsed, $1.digest) }
    }

    /// Bytes of the disk that layers and chains take together.
    public func diskBytes() throws -> UInt64 {
        try [layersDirectory, chainsDirectory].reduce(0) { sum, directory in
            try Files.entries(directory).reduce(sum) { $0 + LayerStore.usage(directory + "/" + $1).bytes }
        }
    }

    /// Removes layers that nobody has open, the longest unused first, until the store takes no more than `limit` bytes; then the chains
    /// that have lost a layer. What is removed is lazy again when it is wanted.
    public func prune(to limit: UInt64) throws -> PruneResult {
        var result = PruneResult()
        result.leftBytes = try diskBytes()
        for layer in try layers() where result.leftBytes > limit && !layer.isUsed {
            guard try remove(layer.digest) else { continue }
            result.removed.append(layer.digest)
            result.freedBytes += layer.diskBytes
            result.leftBytes -= min(result.leftBytes, layer.diskBytes)
        }
        try pruneChains()
        result.leftBytes = try diskBytes()
        return result
    }

    /// Removes these layers unless somebody has them open; then the chains that have lost one. Returns those that were here.
    public func remove(_ digests: [Digest]) throws -> [Digest] {
        let removed = try digests.filter { try Files.exists(directory(of: $0)) && remove($0) }
        try pruneChains()
        return removed
    }

    /// Removes a layer unless somebody has it open; says whether it did.
    private func remove(_ digest: Digest) throws -> Bool {
        let directory = directory(of: digest)
        guard let lock = UseLock.alone(directory + "/" + LayerStore.lockedFile) else { return false }
        // Out of sight in one step: whoever looks now finds no layer, and who waited for the lock finds that it moved.
        let aside = layersDirectory + "/.old-\(digest.hex.prefix(16))-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        guard rename(directory, aside) == 0 else { throw StoreError.last("rename", directory) }
        withExtendedLifetime(lock) {}
        try Files.remove(aside)
        return true
    }

    private func pruneChains() throws {
        for name in try Files.entries(chainsDirectory) where !name.hasPrefix(".") {
            let directory = chainsDirectory + "/" + name
            let layers = try StoredChain.layers(in: directory)
            // The tree of a chain that is mounted stays readable for those who have it open.
            guard layers.isEmpty || !layers.allSatisfy({ Files.exists(self.directory(of: $0)) }) else { continue }
            try Files.remove(directory)
        }
    }

    /// The file of a layer's directory whose lock says that the layer is in use, and whose time when it last was.
    static let lockedFile = "layer.json"

    /// What a layer takes of the disk now, in bytes, and in files and directories; nothing when it is not here.
    public func usage(of digest: Digest) -> (bytes: UInt64, files: Int) { LayerStore.usage(directory(of: digest)) }

    private static func usage(_ directory: String) -> (bytes: UInt64, files: Int) {
        // A directory that is removed meanwhile takes nothing.
        guard let names = try? Files.entries(directory) else { return (0, 0) }
        var usage: (bytes: UInt64, files: Int) = (0, 1)
        var status = stat()
        for name in names where lstat(directory + "/" + name, &status) == 0 {
            usage.bytes += UInt64(status.st_blocks) * 512
            usage.files += 1
        }
        return usage
    }
}
