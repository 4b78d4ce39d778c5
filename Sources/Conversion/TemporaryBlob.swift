internal import EStargz
internal import HostSystem

/// A file that a layer's blob is written to, gone with its owner unless the destination keeps it.
final class TemporaryBlob: BlobOutput {
    let file: TemporaryFile

    /// - Parameter isPublished: whether the destination may give the file a name.
    /// - Throws: `ConversionError.temporaryFile`.
    init(in directory: String, isPublished: Bool) throws(ConversionError) {
        file = try ConversionError.ofTemporaryFile { () throws(HostError) in
            // Everybody may read an image's blobs, within the umask.
            try TemporaryFile(in: directory, for: isPublished ? .publication(mode: 0o644) : .scratch)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try ConversionError.ofTemporaryFile { () throws(HostError) in try file.append(bytes) }
    }
}
