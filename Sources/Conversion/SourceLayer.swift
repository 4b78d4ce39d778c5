internal import Compression
internal import Digests
internal import OCI
internal import Tar

/// A source's layer as the tar archive that it is: pulled, decompressed and hashed in one pass.
final class SourceLayer: TarInput {
    private let reader: DecompressingReader
    private let cancellation: CancellationFlag
    private let progress: (Int64) -> Void
    private var hasher = SHA256Hasher()
    private var reported: UInt64 = 0

    /// How often progress is told: every MiB, a few hundred times a second at most.
    private static let progressStep: UInt64 = 1 << 20

    init(_ stream: any BlobStream, cancellation: CancellationFlag, progress: @escaping (Int64) -> Void) throws {
        reader = try DecompressingReader { try stream.read(into: $0) }
        self.cancellation = cancellation
        self.progress = progress
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try cancellation.check()
        let count = try reader.read(into: buffer)
        hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        if reader.bytesRead - reported >= SourceLayer.progressStep || count == 0 {
            reported = reader.bytesRead
            progress(Int64(reported))
        }
        return count
    }

    /// Reads what follows the archive's end, so that the digests cover everything and the stream has verified the blob.
    func drain() throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while try read(into: buffer) > 0 {}
    }

    /// Digest of the archive as far as it was read.
    var diffID: Digest { hasher.digestSoFar() }

    /// Bytes after the gzip data that were ignored.
    var ignoredBytes: UInt64 { reader.garbageBytes }
}
