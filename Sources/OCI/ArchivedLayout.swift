internal import Digests

/// An OCI image layout as the members of an archive have it.
struct ArchivedLayout: Sendable {
    let members: ArchiveMembers

    /// Whether there is one.
    var exists: Bool { members["oci-layout"] != nil && members["index.json"] != nil }

    /// The images of the layout.
    func index() throws -> Index {
        try Documents.decode(Index.self, from: members.document("index.json"), what: members.path + ": index.json")
    }

    /// A manifest or index, verified.
    func document(_ descriptor: Descriptor) throws -> [UInt8] {
        let bytes = try members.document(ArchivedLayout.name(descriptor))
        try LayoutIndex.verify(bytes, descriptor, path: members.path)
        return bytes
    }

    /// A blob.
    func blob(_ descriptor: Descriptor) throws -> any BlobStream { try members.blob(member(descriptor), descriptor) }

    /// A blob in parts.
    func ranges(_ descriptor: Descriptor) throws -> any BlobRanges { try members.ranges(member(descriptor), descriptor) }

    private func member(_ descriptor: Descriptor) throws -> ArchiveMembers.Member {
        guard let member = members[ArchivedLayout.name(descriptor)] else {
            throw LayoutError.notAnArchive(path: members.path, reason: "blob \(descriptor.digest) is missing")
        }
        return member
    }

    /// Whether an image is there with all that it needs: of an index, one of its images.
    func isComplete(_ descriptor: Descriptor, depth: Int = 4) throws -> Bool {
        guard depth > 0, has(descriptor) else { return false }
        let (bytes, what) = (try document(descriptor), "\(members.path): \(descriptor.digest)")
        if MediaType.isIndex(descriptor.mediaType) {
            let index = try Documents.decode(Index.self, from: bytes, what: what)
            return try index.manifests.contains { try isComplete($0, depth: depth - 1) }
        }
        guard MediaType.isManifest(descriptor.mediaType) else { return false }
        let manifest = try Documents.decode(Manifest.self, from: bytes, what: what)
        return has(manifest.config) && manifest.layers.allSatisfy(has)
    }

    private func has(_ descriptor: Descriptor) -> Bool { members[ArchivedLayout.name(descriptor)] != nil }

    private static func name(_ descriptor: Descriptor) -> String { "blobs/sha256/" + descriptor.digest.hex }
}
