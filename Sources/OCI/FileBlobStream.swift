internal import Digests

/// A part of a file as a blob; size and digest are verified at its end. One reader.
public final class FileBlobStream: BlobStream, @unchecked Sendable {
    // Safety: only the one reader touches position and hasher.
    private let file: LayoutFile
    private let descriptor: Descriptor
    private let start: Int64
    private var position: Int64 = 0
    private var hasher = SHA256Hasher()

    init(_ file: LayoutFile, start: Int64, descriptor: Descriptor) {
        self.file = file
        self.start = start
        self.descriptor = descriptor
    }

    /// Fills the front of `buffer`; 0 at the verified end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = Int(min(Int64(buffer.count), descriptor.size - position))
        if wanted > 0 {
            let window = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
            let count = try file.read(into: window, at: start + position)
            guard count > 0 else { throw LayoutError.mismatch(path: file.path, digest: descriptor.digest, reason: "it ends too early") }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += Int64(count)
            return count
        }
        guard hasher.digestSoFar() == descriptor.digest else {
            throw LayoutError.mismatch(path: file.path, digest: descriptor.digest, reason: "its bytes have another digest")
        }
        return 0
    }

    /// Nothing to end: a read of a file does not wait for others.
    public func cancel() {}
}
