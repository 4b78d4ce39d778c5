internal import Digests
internal import Glibc

/// An image in an OCI image layout on disk, to be read.
public struct OCILayoutSource: ImageSource {
    private let directory: String
    private let tag: String?

    /// The image of a tag, or the layout's only one.
    public init(directory: String, tag: String?) {
        self.directory = directory
        self.tag = tag
    }

    /// `oci:DIR[:TAG]`.
    public var name: String { ImageName.layout(directory: directory, tag: tag).description }

    /// What the layout's index names.
    public func root() async throws -> (Descriptor, [UInt8]) {
        guard access(directory, F_OK) == 0 else { throw LayoutError.last("open", directory) }
        guard access(directory + "/oci-layout", F_OK) == 0 else {
            throw LayoutError.notALayout(path: directory, reason: "there is no file oci-layout")
        }
        let index = try Documents.decode(Index.self, from: try document(directory + "/index.json"), what: directory + "/index.json")
        let descriptor = try LayoutIndex.image(in: index, tag: tag, path: directory)
        return (descriptor, try await document(descriptor))
    }

    /// A manifest or index of the layout.
    public func document(_ descriptor: Descriptor) async throws -> [UInt8] {
        let bytes = try document(path(descriptor))
        try LayoutIndex.verify(bytes, descriptor, path: directory)
        return bytes
    }

    /// A blob of the layout.
    public func blob(_ descriptor: Descriptor) async throws -> any BlobStream {
        let file = try LayoutFile(path(descriptor))
        let size = try file.size()
        guard size == descriptor.size else {
            throw LayoutError.mismatch(path: directory, digest: descriptor.digest, reason: "\(size) bytes instead of \(descriptor.size)")
        }
        return FileBlobStream(file, start: 0, descriptor: descriptor)
    }

    /// A blob of the layout in parts.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges {
        let file = try LayoutFile(path(descriptor))
        return FileRanges(file: file, start: 0, size: UInt64(try file.size()))
    }

    /// The same layout with a longer tag.
    public func companion(tagSuffix: String) throws -> any ImageSource {
        guard let tag else { throw NoCompanionError(name: name) }
        return OCILayoutSource(directory: directory, tag: tag + tagSuffix)
    }

    private func path(_ descriptor: Descriptor) -> String { directory + "/blobs/sha256/" + descriptor.digest.hex }

    private func document(_ path: String) throws -> [UInt8] {
        let file = try LayoutFile(path)
        let size = try file.size()
        guard size <= Documents.maximumSize else { throw DocumentError.tooLarge(what: path, size: Int(size)) }
        return try file.bytes(at: 0, count: Int(size))
    }
}
