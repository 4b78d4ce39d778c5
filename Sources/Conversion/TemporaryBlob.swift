internal import EStargz
internal import Glibc

/// A file that a layer's blob is written to. Closed with its owner; the directory around it removes it.
final class TemporaryBlob: BlobOutput {
    let path: String
    private let descriptor: Int32

    /// - Throws: `ConversionError.temporaryFile`.
    init(path: String) throws(ConversionError) {
        self.path = path
        // The directory keeps others out for now; a layout takes the file over as it is.
        descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .temporaryFile(path: path, code: errno) }
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try TemporaryFile.write(bytes, to: descriptor, path: path)
    }

    /// Takes the name away; what is open stays readable.
    func remove() {
        unlink(path)
    }
}
