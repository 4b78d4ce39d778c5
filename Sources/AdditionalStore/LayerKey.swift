internal import Digests
internal import OCI

/// How a layer is asked for: an image's name, and a digest, of the layer's blob or of its TOC.
struct LayerKey: Hashable, Codable, Sendable, CustomStringConvertible {
    let image: Reference
    let digest: Digest

    init(image: Reference, digest: Digest) {
        self.image = image
        self.digest = digest
    }

    var description: String { "\(digest) of \(image)" }

    private enum CodingKeys: String, CodingKey {
        case image
        case digest
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        image = try Reference(parsing: try container.decode(String.self, forKey: .image))
        digest = try container.decode(Digest.self, forKey: .digest)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(image.description, forKey: .image)
        try container.encode(digest, forKey: .digest)
    }
}
