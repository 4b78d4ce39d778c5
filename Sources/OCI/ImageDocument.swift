/// A document of which there are two kinds, so that one with the members of both would be another image for every reader.
///
/// What is refused is what containerd refuses (`validateMediaType` of its room images, since CVE-2021-41190): members of the other kind,
/// whatever their value, and a media type of its own that is the other kind's.
protocol ImageDocument {
    /// Members of the other kind, as `String.caseFolded` has them; docker's first schema is the third kind.
    static var foreignMembers: Set<String> { get }
    /// Whether a media type is the other kind's.
    static func isForeign(mediaType: String) -> Bool
}

extension Manifest: ImageDocument {
    static let foreignMembers: Set = ["manifests", "fslayers"]
    static func isForeign(mediaType: String) -> Bool { MediaType.isIndex(mediaType) }
}

extension Index: ImageDocument {
    static let foreignMembers: Set = ["config", "layers", "fslayers"]
    static func isForeign(mediaType: String) -> Bool { MediaType.isManifest(mediaType) }
}

extension ImageDocument {
    /// What of the other kind a document has; nil for an honest one.
    static func foreignPart(of document: JSONValue) -> String? {
        guard case .object(let members) = document else { return nil }
        if let member = members.keys.filter({ foreignMembers.contains($0.caseFolded) }).min() { return "the member \"\(member)\"" }
        let types = members.filter { $0.key.caseFolded == "mediatype" }.compactMap(\.value.string)
        return types.first(where: isForeign).map { "the media type \"\($0)\"" }
    }
}
