internal import FoundationEssentials
internal import Registry

/// A secret of type `kubernetes.io/dockerconfigjson`, as the API server writes it.
struct PullSecret: Decodable {
    /// What selects these secrets.
    static let type = "kubernetes.io/dockerconfigjson"

    struct Metadata: Decodable {
        var namespace: String?
        var name: String?
        var resourceVersion: String?
    }

    var metadata: Metadata
    private var data: [String: String]?

    /// Name that no other secret has.
    var key: String { "\(metadata.namespace ?? "")/\(metadata.name ?? "")" }

    /// What is in it; nil when that is no docker configuration.
    var configuration: DockerConfiguration? {
        guard let text = data?[".dockerconfigjson"], let bytes = Data(base64Encoded: text) else { return nil }
        return DockerConfiguration(json: Array(bytes))
    }
}

/// A page of a list of them.
struct PullSecretList: Decodable {
    struct Metadata: Decodable {
        var resourceVersion: String?
        /// Where the next page begins; empty or absent for the last.
        var `continue`: String?
    }

    var metadata: Metadata
    var items: [PullSecret]
}

/// A line of a watch.
enum PullSecretEvent: Decodable {
    case put(PullSecret)
    case removed(PullSecret)
    /// Nothing but how far we are.
    case bookmark(resourceVersion: String?)
    /// The watch cannot go on; nearly always because it begins too far back.
    case failed(message: String?)

    private struct Status: Decodable {
        var message: String?
    }

    private struct Bookmark: Decodable {
        var metadata: PullSecret.Metadata
    }

    private enum CodingKeys: String, CodingKey {
        case type, object
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "DELETED": self = .removed(try container.decode(PullSecret.self, forKey: .object))
        case "BOOKMARK":
            self = .bookmark(resourceVersion: try container.decode(Bookmark.self, forKey: .object).metadata.resourceVersion)
        case "ERROR": self = .failed(message: try container.decode(Status.self, forKey: .object).message)
        default: self = .put(try container.decode(PullSecret.self, forKey: .object))
        }
    }
}
