internal import Compression
internal import HostSystem
internal import Tar

/// A source's layer that was kept on the disk, compressed as it came, for conversions that read it more than once: the archive in it,
/// decompressed. Each reader begins at the front.
final class SpooledArchive: TarInput {
    private let reader: DecompressingReader
    private let cancellation: CancellationFlag

    /// - Parameter isLast: whether nobody reads the file again: then its space is given back as it is read.
    init(_ spool: TemporaryFile, isLast: Bool, cancellation: CancellationFlag) throws {
        self.cancellation = cancellation
        var offset: Int64 = 0
        var released: Int64 = 0
        reader = try DecompressingReader { buffer in
            let count = try spool.read(into: buffer, at: offset)
            offset += Int64(count)
            if isLast, offset - released >= SpooledArchive.releaseStep {
                released = offset
                spool.release(upTo: released)
            }
            return count
        }
    }

    /// Space is given back every 16 MiB: a call for each read would cost more than it gives.
    private static let releaseStep: Int64 = 16 << 20

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try cancellation.check()
        return try reader.read(into: buffer)
    }
}
