internal import Digests

/// A layout's `index.json`: which images there are, by tag (OCI image specification, "image-layout.md").
enum LayoutIndex {
    /// Content of the file `oci-layout`.
    static let marker = Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8)

    /// The image of a tag, or the only one when no tag is given, as skopeo chooses.
    static func image(in index: Index, tag: String?, path: String) throws(LayoutError) -> Descriptor {
        let tags = index.manifests.compactMap { $0.annotations?[Annotation.referenceName] }
        if let tag {
            guard let found = index.manifests.last(where: { $0.annotations?[Annotation.referenceName] == tag }) else {
                throw .noImage(path: path, tag: tag, known: tags)
            }
            return found
        }
        guard let only = index.manifests.first else { throw .notALayout(path: path, reason: "its index.json lists no image") }
        guard index.manifests.count == 1 else { throw .ambiguous(path: path, known: tags) }
        return only
    }

    /// The index with one more image; an image of the same tag (or the untagged same one) is replaced.
    static func adding(_ descriptor: Descriptor, tag: String?, to index: Index?) -> Index {
        var entry = descriptor
        entry.annotations =
            tag.map { (descriptor.annotations ?? [:]).merging([Annotation.referenceName: $0]) { $1 } } ?? descriptor.annotations
        var result = index ?? Index(manifests: [])
        result.manifests.removeAll { old in
            let name = old.annotations?[Annotation.referenceName]
            return tag == nil ? name == nil && old.digest == descriptor.digest : name == tag
        }
        result.manifests.append(entry)
        return result
    }

    /// Checks a document against its descriptor.
    static func verify(_ bytes: [UInt8], _ descriptor: Descriptor, path: String) throws(LayoutError) {
        guard Int64(bytes.count) == descriptor.size else {
            throw .mismatch(path: path, digest: descriptor.digest, reason: "\(bytes.count) bytes instead of \(descriptor.size)")
        }
        guard Digest.sha256(bytes) == descriptor.digest else {
            throw .mismatch(path: path, digest: descriptor.digest, reason: "its bytes have another digest")
        }
    }
}
