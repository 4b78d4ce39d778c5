internal import Compression
internal import Glibc
internal import HostSystem
internal import OCI
internal import Tar

/// A source's layer on the disk, compressed as it came, for conversions that read it more than once. The file has no name: it is gone
/// with its owner, however the process ends.
final class LayerSpool {
    private let descriptor: Int32
    private let path: String
    private var size = 0

    /// - Parameter directory: where the space is taken from.
    init(directory: String) throws(ConversionError) {
        path = directory + "/spool-" + RandomName.make()
        descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .temporaryFile(path: path, code: errno) }
        unlink(path)
    }

    deinit { close(descriptor) }

    /// Appends bytes.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try TemporaryFile.write(bytes, to: descriptor, path: path)
        size += bytes.count
    }

    /// Fills the front of `buffer` with what stands at an offset; 0 at the end.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, min(buffer.count, size - offset), offset)
            if count >= 0 { return count }
            guard errno == EINTR else { throw ConversionError.temporaryFile(path: path, code: errno) }
        }
    }

    /// Gives the disk space of everything before an offset back.
    func release(upTo offset: Int) {
        // A file system without holes keeps the space a little longer.
        _ = Files.punchHole(descriptor, offset: 0, length: offset)
    }
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
