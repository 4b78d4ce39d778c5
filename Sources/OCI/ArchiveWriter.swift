internal import Digests
internal import Glibc
internal import HostSystem
internal import Synchronization

/// A tar of an image layout in the making: a file that gets its name when it is whole.
///
/// Blobs stand in it in the order in which their places were opened, so that the same image is the same bytes, and each is on the disk once:
/// the one whose turn it is is written straight into the archive, those that are written meanwhile wait in files of their own.
///
///     the archive  │ blob 0 │ blob 1 │ blob 2 so far …      turn = 2: its writer owns the end of the archive
///     other files                             blob 3        whole, and waits for its turn
///                                             blob 4 so far
///
/// Who ends the blob whose turn it is puts those behind it into the archive that are whole already, and so on: no two threads ever write.
final class ArchiveWriter: Sendable {
    /// The archive's name when it is whole.
    let path: String
    /// Where the archive and what waits for its turn are.
    let directory: String
    private let state = Mutex(State())

    private struct State {
        var archive: TemporaryFile?
        /// Where the next member begins.
        var end: Int64 = 0
        var opened = 0
        var turn = 0
        /// Ends that came before their turn, by place.
        var waiting: [Int: PlacedBlob] = [:]
        var blobs: Set<Digest> = []
    }

    init(path: String) {
        self.path = path
        directory = Paths.parent(of: path)
    }

    /// Sees whether something can be written beside the name. Removes what others who were killed have left there.
    func check() throws(LayoutError) {
        TemporaryFile.reap(in: directory)
        guard access(directory, W_OK | X_OK) == 0 else { throw .last("create", path) }
        guard !Files.isDirectory(path) else { throw .file(.call(operation: "create", path: path, code: EISDIR)) }
    }

    private func archive() throws(HostError) -> TemporaryFile {
        if let archive = state.withLock({ $0.archive }) { return archive }
        // Only the one who owns the end of the archive comes here.
        let archive = try TemporaryFile(in: directory, for: StagedBlobs.published)
        state.withLock { $0.archive = archive }
        return archive
    }

    /// Opens the next place.
    func open() -> Int {
        state.withLock { state in
            defer { state.opened += 1 }
            return state.opened
        }
    }

    /// Whether a blob is in the archive. One that waits is not: which of two is kept must not be a matter of time.
    func has(_ digest: Digest) -> Bool { state.withLock { $0.blobs.contains(digest) } }

    /// Whether it is a place's turn. It stays so until the place is ended.
    func isTurn(of place: Int) -> Bool { state.withLock { $0.turn == place } }

    /// Writes bytes of the blob whose turn it is.
    ///
    /// - Parameter offset: of the bytes within the blob.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(LayoutError) {
        let start = state.withLock { $0.end } + Int64(ArchiveHeader.blockSize)
        try LayoutError.ofFile { () throws(HostError) in try archive().write(bytes, at: start + offset) }
    }

    /// Space is given back every 16 MiB: a call for each piece would cost more than it gives.
    private static let releaseStep: Int64 = 16 << 20

    /// Copies a blob that has waited into its place; its own space is given back on the way.
    func copy(_ waited: TemporaryFile) throws(LayoutError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while offset < waited.size {
            let count = try LayoutError.ofFile { () throws(HostError) in try waited.read(into: buffer, at: offset) }
            try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
            offset += Int64(count)
            if offset % ArchiveWriter.releaseStep == 0 { waited.release(upTo: offset) }
        }
    }

    /// Ends a place: now, when it is its turn, and with it those behind it that are whole; else when its turn comes.
    func end(_ place: Int, with blob: PlacedBlob) throws {
        let isTurn = state.withLock { state in
            if state.turn != place { state.waiting[place] = blob }
            return state.turn == place
        }
        if isTurn { try settle(from: blob) }
    }

    /// Ends a place of which nothing is to come, and copies nothing: the archive may be about to be given up.
    func pass(_ place: Int) {
        state.withLock { state in
            if state.turn == place { state.turn += 1 } else { state.waiting[place] = .nothing }
        }
    }

    private func settle(from first: PlacedBlob?) throws {
        var next = first
        while let blob = next {
            try settle(blob)
            next = state.withLock { state in
                state.turn += 1
                return state.waiting.removeValue(forKey: state.turn)
            }
        }
    }

    // What a place that turned out to be of no use has written is overwritten by the next.
    private func settle(_ blob: PlacedBlob) throws {
        guard case .blob(let descriptor, let content) = blob, !has(descriptor.digest) else { return }
        switch content {
        case .written: break
        case .bytes(let bytes): try bytes.withUnsafeBytes { try write($0, at: 0) }
        case .file(let file): try copy(file)
        }
        try finishMember("blobs/sha256/" + descriptor.digest.hex, size: descriptor.size)
        _ = state.withLock { $0.blobs.insert(descriptor.digest) }
    }

    private func finishMember(_ name: String, size: Int64) throws(LayoutError) {
        let start = state.withLock { $0.end }
        let end = start + Int64(ArchiveHeader.blockSize) + size
        let padding = ArchiveHeader.padding(afterSize: size)
        try LayoutError.ofFile { () throws(HostError) in
            try archive().write(ArchiveHeader.block(name: name, size: size), at: start)
            try archive().write(padding, at: end)
        }
        state.withLock { $0.end = end + Int64(padding.count) }
    }

    /// Ends the archive with files that are no blobs, and gives it its name. Every place must have been ended.
    func publish(_ files: [(name: String, bytes: [UInt8])]) throws {
        try settle(from: state.withLock { $0.waiting.removeValue(forKey: $0.turn) })
        precondition(state.withLock { $0.turn == $0.opened }, "a blob of \(path) was neither committed nor given up")
        for (name, bytes) in files {
            try bytes.withUnsafeBytes { try write($0, at: 0) }
            try finishMember(name, size: Int64(bytes.count))
        }
        let end = state.withLock { $0.end }
        let trailer = [UInt8](repeating: 0, count: 2 * ArchiveHeader.blockSize)
        try LayoutError.ofFile { () throws(HostError) in
            try archive().truncate(to: end)
            try archive().append(trailer)
            try archive().publish(as: path)
        }
    }

    /// Lets everything go that has no name.
    func removeAll() {
        state.withLock { state in
            state.archive = nil
            state.waiting = [:]
        }
    }
}

/// What became of a place in an archive.
enum PlacedBlob: Sendable {
    /// Nothing comes there.
    case nothing
    /// A blob that may be in the archive already.
    case blob(Descriptor, Content)

    /// Where the blob's bytes are.
    enum Content: Sendable {
        /// In the archive, where they belong.
        case written
        /// In memory.
        case bytes([UInt8])
        /// In a file.
        case file(TemporaryFile)
    }
}
