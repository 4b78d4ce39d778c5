internal import FoundationEssentials
internal import Glibc

/// A user name and what proves it, for one registry.
struct Credential: Sendable, Equatable {
    var user: String
    var password: String
    /// An OAuth2 refresh token in place of a password.
    var identityToken: String?

    /// Value of a Basic `Authorization` header.
    var basic: String { "Basic " + Data("\(user):\(password)".utf8).base64EncodedString() }
}

/// Where credentials come from: docker's configuration file and its credential helpers (contracts: docker config first).
struct CredentialSource: Sendable {
    /// File named by the user; nil for docker's own places.
    var authFile: String?

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
    }

    private struct HelperAnswer: Decodable {
        var Username: String
        var Secret: String
    }

    /// Largest configuration file that is read, in bytes.
    private static let largestFile = 4 << 20

    /// The credential for a registry; nil when there is none.
    ///
    /// - Throws: `RegistryError.credentials` when a file is damaged or a helper fails.
    func credential(for registry: String) throws(RegistryError) -> Credential? {
        for path in paths() {
            guard let file = try read(path) else { continue }
            let keys = CredentialSource.keys(registry)
            for key in keys {
                if let helper = file.credHelpers?[key] { return try ask(helper, key) }
            }
            for key in keys {
                if let entry = file.auths?[key], let credential = CredentialSource.decode(entry) { return credential }
            }
            if let store = file.credsStore, !store.isEmpty {
                for key in keys { if let credential = try ask(store, key) { return credential } }
            }
        }
        return nil
    }

    private func paths() -> [String] {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        if let authFile { return [authFile] }
        if let file = variable("REGISTRY_AUTH_FILE") { return [file] }
        if let directory = variable("DOCKER_CONFIG") { return [directory + "/config.json"] }
        return [(variable("HOME") ?? "/root") + "/.docker/config.json"]
    }

    /// Spellings under which docker and podman keep a registry.
    private static func keys(_ registry: String) -> [String] {
        let names =
            registry == "docker.io" ? ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"] : [registry]
        return names + names.map { "https://" + $0 } + names.map { "http://" + $0 }
    }

    private func read(_ path: String) throws(RegistryError) -> File? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT, authFile == nil { return nil }
            throw .credentials("cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < CredentialSource.largestFile {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        do {
            return try JSONDecoder().decode(File.self, from: Data(bytes))
        } catch {
            throw .credentials("\(path) is not a docker configuration file")
        }
    }

    private static func decode(_ entry: Entry) -> Credential? {
        if let token = entry.identitytoken, !token.isEmpty {
            return Credential(user: entry.username ?? "", password: "", identityToken: token)
        }
        if let auth = entry.auth, let data = Data(base64Encoded: auth) {
            let text = String(decoding: data, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":") else { return nil }
            return Credential(user: String(text[..<colon]), password: text[text.index(after: colon)...].filter { $0 != "\0" })
        }
        guard let user = entry.username, let password = entry.password else { return nil }
        return Credential(user: user, password: password)
    }

    private func ask(_ helper: String, _ key: String) throws(RegistryError) -> Credential? {
        guard let answer = try CredentialHelper.get("docker-credential-" + helper, key) else { return nil }
        do {
            let decoded = try JSONDecoder().decode(HelperAnswer.self, from: Data(answer))
            // The protocol's mark for "the secret is an identity token".
            if decoded.Username == "<token>" { return Credential(user: "", password: "", identityToken: decoded.Secret) }
            return Credential(user: decoded.Username, password: decoded.Secret)
        } catch {
            throw .credentials("docker-credential-\(helper) answered something that is not JSON")
        }
    }
}
