public import Digests
internal import Glibc
internal import HostSystem
public import TreeImage

/// One layer in the store: its tree, its chunk map, and as much of its contents as was fetched.
///
///     layers/<hex>/tree.erofs   metadata, immutable
///                  chunks       chunk map, immutable
///                  content      sparse file of the files' bytes, each file at a 4 KiB-aligned offset
///                  present      bitmap of verified chunks
///                  layer.json   what the layer was compiled from, and digest and checksum of its tree
///
/// What is opened was looked at: tree and chunk map have their checksums, all files the sizes that belong together. What is not
/// right is an error that says so, and the layer is fetched again. A wrong bit in `present` is the one thing that cannot be seen, until the
/// next boot, when each marked chunk proves itself. Any number of threads and processes may use one at the same time: bytes at a place are determined by the chunk's digest, so two writers
/// write the same, and a bit is set only after its bytes.
public final class StoredLayer: Sendable {
    /// Digest of the layer's blob.
    public let digest: Digest
    /// What the layer was compiled from.
    public let facts: LayerFacts
    /// The layer's file tree.
    public let tree: LayerTree
    /// Digest of the tree's image.
    public let treeDigest: Digest
    /// Where the contents are in the blob.
    public let chunks: ChunkMap
    /// The sparse file of contents, for reading.
    public let content: OpenFile
    /// Where the tree's image is.
    public let treePath: String
    /// Where the content file is.
    public let contentPath: String
    private let present: PresenceBitmap
    /// Keeps the layer from being pruned.
    private let use: UseLock
    private let overflow: ChunkOverflow
    /// What this process fetches; places are chunks.
    private let claims: RangeLock

    /// - Parameters:
    ///   - home: the directory that `directory` will be renamed to; nil when that is its name.
    ///   - new: what this process has just written of it: then tree and chunk map need not prove themselves.
    init(directory: String, home: String? = nil, digest: Digest, new: LayerFacts? = nil, overflow: ChunkOverflow) throws {
        self.digest = digest
        self.overflow = overflow
        use = try UseLock(directory + "/" + LayerStore.lockedFile)
        claims = try RangeLock(directory + "/present")
        let factsPath = directory + "/layer.json"
        facts = try new ?? LayerFacts(bytes: Files.read(factsPath, limit: 1 << 16), path: factsPath)
        guard facts.version == LayerFacts.currentVersion, let treeDigest = facts.treeDigest else {
            throw StoreError.damaged(path: factsPath, reason: "of version \(facts.version)")
        }
        self.treeDigest = treeDigest
        treePath = (home ?? directory) + "/tree.erofs"
        contentPath = (home ?? directory) + "/content"
        tree = try LayerTree(
            path: directory + "/tree.erofs", proof: new == nil ? LayerTree.Proof(facts.treeChecksum, treeDigest) : nil)
        chunks = try ChunkMap(path: directory + "/chunks", isNew: new != nil)
        guard facts.blobSize == chunks.blobSize else {
            throw StoreError.damaged(path: factsPath, reason: "of a blob of \(facts.blobSize) bytes instead of \(chunks.blobSize)")
        }
        content = try OpenFile(directory + "/content", flags: O_RDWR)
        let contentSize = try content.size()
        guard contentSize == chunks.contentSize else {
            throw StoreError.damaged(path: content.path, reason: "\(contentSize) bytes instead of \(chunks.contentSize)")
        }
        let bitmap = try OpenFile(directory + "/present", flags: O_RDWR)
        present = try PresenceBitmap(bitmap, count: chunks.count)
        try bitmap.lock()
        try recheckAfterBoot()
        bitmap.unlock()
    }

    deinit { overflow.forget(self) }

    /// Whether a chunk's bytes are in the content file and were verified. No lock, no allocation.
    @inline(__always)
    public func isPresent(_ index: Int) -> Bool { present.isSet(index) }

    /// Says that this process fetches chunks; false while another one fetches some of them.
    public func claim(_ chunks: ClosedRange<Int>) -> Bool { claims.take(chunks) }
    /// They are fetched, or given up.
    public func unclaim(_ chunks: ClosedRange<Int>) { claims.giveBack(chunks) }

    /// Bytes of content that are here, of `chunks.contentBytes`.
    public var bytesPresent: UInt64 { present.bytesPresent }
    /// Whether the tree hides files of layers below.
    func hidesLowerFiles() throws(TreeImageError) -> Bool {
        if let isKnown = facts.hidesLowerFiles { return isKnown }
        return try tree.hidesLowerFiles()
    }

    /// Whether all content is here.
    public var isComplete: Bool { bytesPresent == chunks.contentBytes }

    /// Checks bytes against the chunk's digest and, only if they are right, writes them and makes them visible. When the disk is full they can be
    /// read for a while all the same (`read`), and are fetched again later. What a file before the landmark repeats of another is then there, too.
    ///
    /// - Throws: `ChunkMismatch` when the bytes are wrong (nothing is written), `StoreError` when the disk refuses for another reason.
    public func store(_ bytes: UnsafeRawBufferPointer, chunk index: Int) throws {
        let chunk = chunks.chunk(index)
        let actual = Digest.sha256(bytes)
        guard bytes.count == chunk.size, actual == chunk.digest else {
            throw ChunkMismatch(layer: digest, blobOffset: chunk.blobOffset, expected: chunk.digest, actual: actual)
        }
        // First what is read: while the repetition is not here, who misses the original waits for it.
        if let original = chunks.original(of: index), !isPresent(original) { try keep(bytes, original) }
        try keep(bytes, index)
    }

    private func keep(_ bytes: UnsafeRawBufferPointer, _ index: Int) throws(StoreError) {
        let chunk = chunks.chunk(index)
        do {
            try content.write(bytes, at: chunk.contentOffset)
            present.set(index, size: chunk.size)
        } catch  where error.isOutOfSpace {
            overflow.keep(bytes, chunk: index, of: self)
        }
    }

    /// Reads a part of the content file whose chunks were all asked for and have arrived.
    ///
    /// - Parameters:
    ///   - chunks: those that have bytes in it.
    /// - Returns: false when a chunk is not here any more: the disk is full, and memory had no room for it for so long.
    public func read(at offset: UInt64, chunks wanted: ClosedRange<Int>, into buffer: UnsafeMutableRawBufferPointer) throws -> Bool {
        // Looked at before reading: a chunk that arrives in between was not in what was read.
        let missing = wanted.filter { !isPresent($0) }
        guard try content.read(at: offset, into: buffer) == buffer.count else { return false }
        for index in missing {
            let chunk = chunks.chunk(index)
            let start = max(chunk.contentOffset, offset)
            let end = min(chunk.contentOffset + chunk.size, offset + UInt64(buffer.count))
            let window = UnsafeMutableRawBufferPointer(rebasing: buffer[Int(start - offset)..<Int(end - offset)])
            if overflow.copy(chunk: index, of: self, from: Int(start - chunk.contentOffset), into: window) { continue }
            guard isPresent(index), try content.read(at: start, into: window) == window.count else { return false }
        }
        return true
    }

    /// Reads every chunk that is marked and takes the mark from those that are not what they should be.
    ///
    /// - Returns: how many chunks were right, and how many were wrong: these are fetched again when they are read again.
    public func verify() throws(StoreError) -> (right: Int, wrong: Int) {
        var count = (right: 0, wrong: 0)
        for index in 0..<chunks.count where present.isSet(index) {
            let chunk = chunks.chunk(index)
            if try holds(chunk) {
                count.right += 1
            } else {
                present.clear(index, size: chunk.size)
                count.wrong += 1
            }
        }
        return count
    }

    // After a power cut the bitmap may tell of bytes that never reached the disk, so each chunk of an earlier boot proves itself once.
    private func recheckAfterBoot() throws(StoreError) {
        let boot = BootIdentity.current
        guard present.boot != boot else { return }
        var kept: UInt64 = 0
        for index in 0..<chunks.count where present.isSet(index) {
            let chunk = chunks.chunk(index)
            if try holds(chunk) {
                kept += chunk.size
            } else {
                present.clear(index, size: 0)
            }
        }
        present.bytesPresent = kept
        present.boot = boot
    }

    private func holds(_ chunk: Chunk) throws(StoreError) -> Bool {
        var hasher = SHA256Hasher()
        var buffer = [UInt8](repeating: 0, count: Int(min(chunk.size, 1 << 20)))
        var offset: UInt64 = 0
        while offset < chunk.size {
            let want = Int(min(UInt64(buffer.count), chunk.size - offset))
            let result: Result<Int, StoreError> = buffer.withUnsafeMutableBytes { bytes in
                let window = UnsafeMutableRawBufferPointer(rebasing: bytes[0..<want])
                return Result { () throws(StoreError) in try content.read(at: chunk.contentOffset + offset, into: window) }
            }
            guard try result.get() == want else { return false }
            buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[0..<want])) }
            offset += UInt64(want)
        }
        return hasher.finalize() == chunk.digest
    }
}

/// Bytes that came for a chunk are not the chunk's.
public struct ChunkMismatch: Error, Equatable, CustomStringConvertible {
    /// Digest of the layer's blob.
    public let layer: Digest
    /// Where the chunk's member begins in the blob.
    public let blobOffset: UInt64
    /// Digest that the verified TOC names.
    public let expected: Digest
    /// Digest of the bytes that came.
    public let actual: Digest

    /// Says what was expected where.
    public init(layer: Digest, blobOffset: UInt64, expected: Digest, actual: Digest) {
        self.layer = layer
        self.blobOffset = blobOffset
        self.expected = expected
        self.actual = actual
    }

    /// One line for the log.
    public var description: String {
        "layer \(layer): chunk at blob offset \(blobOffset) has digest \(actual), the TOC says \(expected)"
    }
}
