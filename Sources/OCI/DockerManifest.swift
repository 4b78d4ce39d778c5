internal import Digests

/// An element of a docker archive's `manifest.json`: one image, by names of the archive's members ("docker image save").
struct DockerManifest: Codable {
    /// The configuration.
    var config: String
    /// The image's names; none is written as null or as nothing.
    var repoTags: [String]?
    /// Layers, lowest first.
    var layers: [String]?

    private enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
    }

    /// Names an archive's file.
    static let fileName = "manifest.json"

    /// Describes an image whose blobs are where a layout has them.
    init(_ manifest: Manifest, tag: Reference?) {
        func name(_ descriptor: Descriptor) -> String { "blobs/sha256/" + descriptor.digest.hex }
        config = name(manifest.config)
        repoTags = tag.map { [$0.description] } ?? []
        layers = manifest.layers.map(name)
    }

    /// Reads the images of an archive.
    static func all(in members: ArchiveMembers) throws -> [DockerManifest] {
        try Documents.decode([DockerManifest].self, from: members.document(fileName), what: "\(members.path): \(fileName)")
    }

    /// The digest that the configuration's name promises; nil when it is just a name.
    var configDigest: Digest? {
        guard var name = config.split(separator: "/").last else { return nil }
        if name.hasSuffix(".json") { name = name.dropLast(".json".count) }
        if name.hasPrefix("sha256:") { name = name.dropFirst("sha256:".count) }
        return Digest(hex: name)
    }
}
