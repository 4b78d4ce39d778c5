internal import Glibc
internal import HostSystem

/// What the temporary files of a conversion have in common.
enum TemporaryFile {
    /// Writes all bytes.
    ///
    /// - Throws: `ConversionError.temporaryFile`.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(ConversionError) {
        do throws(HostError) {
            try FileDescriptors.write(bytes, to: descriptor, path: path)
        } catch {
            throw .temporaryFile(path: path, code: error.code ?? EIO)
        }
    }
}
