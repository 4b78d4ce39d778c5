/// A host that is asked on behalf of a registry.
struct Endpoint: Sendable {
    /// The registry that references name.
    let registry: String
    let host: RegistryHost

    /// What messages call it, and the key of its credentials: each host has its own.
    var name: String { host.authority == "registry-1.docker.io" ? "docker.io" : host.authority }

    /// Tells hosts apart; the same name with and without TLS is two.
    var id: String { "\(host.scheme?.rawValue ?? "")//\(host.authority.lowercased())\(host.path)" }

    /// Whether it answers for a registry of another name, and must be told which.
    var isMirror: Bool { name != registry }

    /// Path and query of a request: below the API's path, with the registry's name where the host is another.
    func path(_ path: String) -> String {
        let path = host.path + "/" + path
        return isMirror ? URLText.adding("ns", registry, to: path) : path
    }

    /// What the host wants to see with every request; the request's own headers go before.
    func addHeaders(to request: inout HTTPRequest) {
        let own = Set(request.headers.keys.map { $0.lowercased() })
        for (name, value) in host.headers where !own.contains(name.lowercased()) { request.headers[name] = value }
    }
}
