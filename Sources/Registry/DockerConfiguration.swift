internal import FoundationEssentials

/// docker's configuration file, as far as it is about credentials; also what is in Kubernetes' secrets of type
/// `kubernetes.io/dockerconfigjson`.
public struct DockerConfiguration: Sendable {
    private struct File: Decodable {
        var auths: [String: Entry]?
        var credHelpers: [String: String]?
        var credsStore: String?
    }

    private struct Entry: Decodable {
        var auth: String?
        var username: String?
        var password: String?
        var identitytoken: String?

        var credential: Credential? {
            if let identitytoken, !identitytoken.isEmpty {
                return Credential(user: username ?? "", password: "", identityToken: identitytoken)
            }
            if let auth { return Credential(encoded: auth) }
            guard let username, let password else { return nil }
            return Credential(user: username, password: password)
        }
    }

    private let file: File

    /// Reads a file's text; nil when it is no such file.
    public init?(json: [UInt8]) {
        do {
            file = try JSONDecoder().decode(File.self, from: Data(json))
        } catch {
            return nil
        }
    }

    /// What is written in the file itself for a host; nil when nothing is.
    public func credential(for host: String) -> Credential? {
        Self.keys(host).lazy.compactMap { file.auths?[$0]?.credential }.first
    }

    /// The helper that has the credentials of one host, and the key that it knows the host by.
    func helper(for host: String) -> (program: String, key: String)? {
        Self.keys(host).lazy.compactMap { key in file.credHelpers?[key].map { ($0, key) } }.first
    }

    /// The helper that may have credentials of every host.
    var store: String? { file.credsStore.flatMap { $0.isEmpty ? nil : $0 } }

    /// Spellings under which docker and podman keep a host.
    static func keys(_ host: String) -> [String] {
        let names =
            host == "docker.io" ? ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"] : [host]
        return names + names.map { "https://" + $0 } + names.map { "http://" + $0 }
    }

    /// The host that one of these spellings means, `docker.io` for all of Docker Hub's.
    public static func host(_ address: String) -> String {
        let authority = URLText.isAbsolute(address) ? URLText.host(address) : String(address.prefix { $0 != "/" })
        return ["index.docker.io", "registry-1.docker.io"].contains(authority) ? "docker.io" : authority
    }
}
