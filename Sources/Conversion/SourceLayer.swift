internal import Compression
internal import Digests
internal import HostSystem
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

    /// - Parameter spool: keeps the compressed bytes as they come.
    init(
        _ stream: any BlobStream, spool: TemporaryFile? = nil, cancellation: CancellationFlag, progress: @escaping (Int64) -> Void
    ) throws {
        reader = try DecompressingReader { buffer in
            let count = try stream.read(into: buffer)
            if let spool { try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            return count
        }
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

    /// Digest of the archive as far as it was read.
    var diffID: Digest { hasher.digestSoFar() }

    /// Bytes after the gzip data that were ignored.
    var ignoredBytes: UInt64 { reader.garbageBytes }
}
