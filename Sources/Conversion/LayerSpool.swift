internal import Compression
internal import HostSystem
internal import OCI
internal import Tar

/// A source's layer on the disk, compressed as it came, for conversions that read it more than once.
final class LayerSpool {
    private let file: TemporaryFile

    /// - Parameter directory: where the space is taken from.
    init(directory: String) throws(ConversionError) {
        file = try ConversionError.ofTemporaryFile { () throws(HostError) in try TemporaryFile(in: directory) }
    }

    /// Appends bytes.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try ConversionError.ofTemporaryFile { () throws(HostError) in try file.append(bytes) }
    }

    /// Fills the front of `buffer` with what stands at an offset; 0 at the end.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try ConversionError.ofTemporaryFile { () throws(HostError) in try file.content.read(into: buffer, at: Int64(offset)) }
    }

    /// Gives the disk space of everything before an offset back.
    func release(upTo offset: Int) { file.content.release(upTo: Int64(offset)) }
}

/// The archive in a spool, decompressed; each reader begins at the front.
final class SpooledArchive: TarInput {
    private let reader: DecompressingReader
    private let cancellation: CancellationFlag

    /// - Parameter isLast: whether nobody reads the spool again: then its space is given back as it is read.
    init(_ spool: LayerSpool, isLast: Bool, cancellation: CancellationFlag) throws {
        self.cancellation = cancellation
        var offset = 0
        var released = 0
        reader = try DecompressingReader { buffer in
            let count = try spool.read(at: offset, into: buffer)
            offset += count
            if isLast, offset - released >= SpooledArchive.releaseStep {
                released = offset
                spool.release(upTo: released)
            }
            return count
        }
    }

    /// Space is given back every 16 MiB: a call for each read would cost more than it gives.
    private static let releaseStep = 16 << 20

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try cancellation.check()
        return try reader.read(into: buffer)
    }
}
