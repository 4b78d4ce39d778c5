internal import FoundationEssentials
internal import Glibc
internal import HostSystem

/// Where credentials come from: docker's configuration file and its credential helpers, then what else the process knows (contracts 3).
struct CredentialSource: Sendable {
    /// File named by the user; nil for docker's own places, and podman's.
    var authFile: String?

    /// Asked when docker's files have nothing: a host, and the repository with its registry that it is asked for.
    var others: (@Sendable (_ host: String, _ repository: String) -> Credential?)?

    private struct HelperAnswer: Decodable {
        var Username: String
        var Secret: String
    }

    /// Largest configuration file that is read, in bytes.
    private static let largestFile = 4 << 20

    /// The credential for a host; nil when there is none.
    ///
    /// - Parameters:
    ///   - host: a registry or a mirror.
    ///   - repository: what it is asked for, with its registry.
    /// - Throws: `RegistryError.credentials` when a file is damaged or a helper fails.
    func credential(for host: String, repository: String) throws(RegistryError) -> Credential? {
        for path in paths() {
            guard let file = try read(path) else { continue }
            if let helper = file.helper(for: host) { return try ask(helper.program, helper.key) }
            if let credential = file.credential(for: host) { return credential }
            guard let store = file.store else { continue }
            for key in DockerConfiguration.keys(host) { if let credential = try ask(store, key) { return credential } }
        }
        return others?(host, repository)
    }

    private func paths() -> [String] {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        if let authFile { return [authFile] }
        if let file = variable("REGISTRY_AUTH_FILE") { return [file] }
        if let directory = variable("DOCKER_CONFIG") { return [directory + "/config.json"] }
        let home = variable("HOME") ?? "/root"
        // containers-auth.json(5): what `podman login` writes is gone after a boot.
        let runtime = variable("XDG_RUNTIME_DIR") ?? (UserNamespace.isNested ? nil : "/run/containers/\(getuid())")
        let configuration = variable("XDG_CONFIG_HOME") ?? home + "/.config"
        let podman = [runtime.map { $0.hasPrefix("/run/containers") ? $0 : $0 + "/containers" }, configuration + "/containers"]
        return [home + "/.docker/config.json"] + podman.compactMap { $0.map { $0 + "/auth.json" } }
    }

    private func read(_ path: String) throws(RegistryError) -> DockerConfiguration? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            // In a place that nobody named there may be nothing, or nothing for us.
            if errno == ENOENT || errno == EACCES, authFile == nil { return nil }
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
        guard let file = DockerConfiguration(json: bytes) else { throw .credentials("\(path) is not a docker configuration file") }
        return file
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
