/// An image in a tar of an OCI image layout, read in place: nothing is unpacked.
public struct OCIArchiveSource: ImageSource {
    private let path: String
    private let tag: String?
    private let layout: ArchivedLayout

    /// Opens an archive and lists its members.
    ///
    /// - Throws: `LayoutError`.
    public init(file path: String, tag: String?) throws {
        self.path = path
        self.tag = tag
        layout = ArchivedLayout(members: try ArchiveMembers(path))
    }

    /// `oci-archive:FILE[:TAG]`.
    public var name: String { ImageName.archive(file: path, tag: tag).description }

    /// What the layout's index names.
    public func root() async throws -> (Descriptor, [UInt8]) {
        let descriptor = try LayoutIndex.image(in: layout.index(), tag: tag, path: path)
        return (descriptor, try layout.document(descriptor))
    }

    /// A manifest or index of the archive.
    public func document(_ descriptor: Descriptor) async throws -> [UInt8] { try layout.document(descriptor) }

    /// A blob of the archive.
    public func blob(_ descriptor: Descriptor) async throws -> any BlobStream { try layout.blob(descriptor) }

    /// A blob of the archive in parts.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges { try layout.ranges(descriptor) }

    /// The archive beside this one; see the destination's.
    public func companion(tagSuffix: String) throws -> any ImageSource {
        try OCIArchiveSource(file: ImageName.companion(ofArchive: path, suffix: tagSuffix), tag: tag.map { $0 + tagSuffix })
    }
}
