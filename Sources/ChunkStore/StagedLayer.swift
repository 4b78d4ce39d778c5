public import Digests
internal import Glibc
internal import HostSystem
internal import Synchronization
public import TreeImage

/// A layer that is written and opened, and not one of the store's yet: its directory has a name under which nobody looks for layers.
///
/// So all work can be done before it is known whether the layer is the one that will be wanted. `LayerStore.add` takes it into the store, by a
/// rename. One that nobody takes goes with the object, and with the next start when the process is killed.
public final class StagedLayer: Sendable {
    /// Digest of the layer's blob.
    public let digest: Digest
    /// What it was compiled from.
    public let facts: LayerFacts
    /// Bytes of its tree and its chunk map.
    public let size: Int
    /// Compression of the blob's members.
    public var compression: ChunkCompression { layer.chunks.compression }
    let layer: StoredLayer
    let directory: String
    private let isTaken = Mutex(false)

    init(_ layer: StoredLayer, in directory: String, size: Int) {
        (self.layer, self.directory, self.size) = (layer, directory, size)
        (digest, facts) = (layer.digest, layer.facts)
    }

    /// From now on the directory is not this object's.
    func noteTaken() { isTaken.withLock { $0 = true } }

    deinit {
        // What stays is removed at the next start.
        if !isTaken.withLock({ $0 }) { try? Files.remove(directory) }
    }
}

extension LayerStore {
    /// Writes a compiled layer, without contents, beside those of the store.
    public func stage(_ digest: Digest, _ compiled: CompiledLayer, facts: LayerFacts) throws -> StagedLayer {
        let directory = temporary(in: layersDirectory, ".new", digest)
        guard mkdir(directory, 0o700) == 0 else { throw StoreError.last("mkdir", directory) }
        do {
            var facts = facts
            facts.treeDigest = Digest.sha256(compiled.erofs)
            facts.treeChecksum = compiled.erofs.withUnsafeBytes { TreeChecksum(of: $0) }
            facts.hidesLowerFiles = compiled.hidesLowerFiles
            try LayerStore.write(compiled, facts, in: directory)
            let home = self.directory(of: digest)
            let layer = try StoredLayer(directory: directory, home: home, digest: digest, new: facts, overflow: overflow)
            return StagedLayer(layer, in: directory, size: compiled.erofs.count + compiled.chunkMap.count)
        } catch {
            try Files.remove(directory)
            throw error
        }
    }

    /// Takes a staged layer into the store. When another thread or process was faster, theirs is the result.
    public func add(_ staged: StagedLayer) throws -> StoredLayer {
        if try move(staged, to: directory(of: staged.digest)) { return staged.layer }
        if let existing = try layer(staged.digest, tocDigest: staged.facts.tocDigest) { return existing }
        // There, but compiled from another TOC or damaged: this one replaces it. Mounts of the old one keep their open files.
        return try replace(with: staged)
    }

    /// Puts a compiled layer into the store, without contents; as `add` of one that was staged.
    public func add(_ digest: Digest, _ compiled: CompiledLayer, facts: LayerFacts) throws -> StoredLayer {
        try add(stage(digest, compiled, facts: facts))
    }

    /// False when there is a layer already.
    private func move(_ staged: StagedLayer, to directory: String) throws -> Bool {
        // Under the lock: who looks for the layer meanwhile would open it a second time.
        try open.withLock { layers in
            guard rename(staged.directory, directory) == 0 else {
                guard errno == EEXIST || errno == ENOTEMPTY else { throw StoreError.last("rename", staged.directory) }
                return false
            }
            staged.noteTaken()
            layers[staged.digest] = Open(layer: staged.layer)
            return true
        }
    }

    private func replace(with staged: StagedLayer) throws -> StoredLayer {
        let (directory, aside) = (directory(of: staged.digest), temporary(in: layersDirectory, ".old", staged.digest))
        // It is gone when it was damaged.
        guard rename(directory, aside) == 0 || errno == ENOENT, try move(staged, to: directory) else {
            throw StoreError.last("rename", directory)
        }
        try Files.remove(aside)
        return staged.layer
    }

    private static func write(_ compiled: CompiledLayer, _ facts: LayerFacts, in directory: String) throws {
        try write(compiled.erofs, to: directory + "/tree.erofs")
        try write(compiled.chunkMap, to: directory + "/chunks")
        try write(PresenceBitmap.emptyFile(count: compiled.chunkCount, boot: .current), to: directory + "/present")
        try write(facts.encoded(), to: directory + "/layer.json")
        let content = try OpenFile(directory + "/content", flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        guard ftruncate(content.descriptor, off_t(compiled.contentSize)) == 0 else { throw StoreError.last("resize", content.path) }
    }
}
