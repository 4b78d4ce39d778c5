internal import Digests
internal import HostSystem
internal import Synchronization

/// The blobs of an image that is not whole yet: small ones in memory, the others in temporary files. Nobody sees them, and they are gone
/// with their owner, however the process ends.
final class StagedBlobs: Sendable {
    /// The bytes of a blob.
    enum Content: Sendable {
        case bytes([UInt8])
        case file(TemporaryFile)
    }

    /// Where the files are, on the file system of the destination.
    let directory: String
    /// The destination, for messages.
    private let name: String
    private let blobs = Mutex<[Digest: Content]>([:])

    /// What files of an image may be read by, cut by the umask.
    static let published = TemporaryFile.Purpose.publication(mode: 0o644)

    init(of name: String, in directory: String) {
        self.name = name
        self.directory = directory
    }

    func has(_ digest: Digest) -> Bool { blobs.withLock { $0[digest] != nil } }

    /// Takes a blob; what is there already stays.
    func put(_ descriptor: Descriptor, _ content: Content) throws(LayoutError) {
        let size =
            switch content {
            case .bytes(let bytes): Int64(bytes.count)
            case .file(let file): file.size
            }
        guard size == descriptor.size else {
            throw .mismatch(path: name, digest: descriptor.digest, reason: "\(size) bytes instead of \(descriptor.size)")
        }
        blobs.withLock { if $0[descriptor.digest] == nil { $0[descriptor.digest] = content } }
    }

    /// What is there, in the order of the digests' digits.
    var digests: [Digest] { blobs.withLock { $0.keys.sorted { $0.hex < $1.hex } } }

    /// Hands a blob over; it is not here any more then.
    func take(_ digest: Digest) -> Content? { blobs.withLock { $0.removeValue(forKey: digest) } }

    func removeAll() { blobs.withLock { $0.removeAll() } }
}
