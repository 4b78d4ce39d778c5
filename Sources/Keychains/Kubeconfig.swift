internal import FoundationEssentials
internal import HostSystem
internal import Registry

/// How a kubeconfig file says that a cluster is reached: its current context. Source: Kubernetes' client configuration, `kubectl config view`.
struct Kubeconfig: Equatable {
    /// URL of the API server, without a slash at the end.
    var server: String
    /// Certificates on both sides.
    var connection = RegistryHost.Connection()
    /// Who asks.
    var user = User.nobody

    /// What is sent with every request.
    enum User: Equatable {
        case nobody
        case token(String)
        /// A file with a token, which is written anew from time to time.
        case tokenFile(String)
        case password(Credential)
        /// A program is asked.
        case plugin(ExecPlugin)
    }

    /// Bytes of a file that is read, and of those that it names.
    private static let largestFile = 4 << 20

    /// The usual places: `$KUBECONFIG`, of several files the first that is there, or `~/.kube/config`.
    static func usualPath() -> String {
        let listed = Paths.environment("KUBECONFIG")?.split(separator: ":").map(String.init) ?? []
        return listed.first { Files.exists($0) } ?? listed.first ?? (Paths.environment("HOME") ?? "/root") + "/.kube/config"
    }

    /// Reads a file and those that it names.
    ///
    /// - Throws: `KeychainError.kubeconfig`.
    init(file path: String) throws(KeychainError) {
        try self.init(parsing: try Self.read(path, for: path), path: path)
    }

    /// As a pod reaches its cluster.
    ///
    /// - Throws: `KeychainError.kubeconfig`.
    init(server: String, serviceAccount directory: String) throws(KeychainError) {
        self.server = server
        connection.certificateAuthorities = try Self.read(directory + "/ca.crt", for: directory)
        user = .tokenFile(directory + "/token")
    }

    /// - Parameter path: of the file, for messages and for what it names.
    init(parsing text: [UInt8], path: String) throws(KeychainError) {
        func failure(_ reason: String) -> KeychainError { .kubeconfig(path: path, reason: reason) }
        let root: YAMLValue
        do {
            root = try YAMLValue(parsing: text)
        } catch {
            throw failure("line \(error.line): \(error.reason)")
        }
        guard let name = root["current-context"]?.text else { throw failure("has no current-context") }
        guard let context = Self.entry(name, of: "contexts", root)?["context"] else { throw failure("has no context \(name)") }
        guard let clusterName = context["cluster"]?.text, let cluster = Self.entry(clusterName, of: "clusters", root)?["cluster"] else {
            throw failure("has no cluster for the context \(name)")
        }
        guard let server = cluster["server"]?.text, server.hasPrefix("https://") || server.hasPrefix("http://") else {
            throw failure("has no URL as server of the cluster \(clusterName)")
        }
        self.server = String(server.reversed().drop { $0 == "/" }.reversed())
        guard cluster["tls-server-name"] == nil else { throw failure("has a tls-server-name, which is not supported") }
        connection.skipsVerification = cluster["insecure-skip-tls-verify"]?.text == "true"
        connection.proxy = cluster["proxy-url"]?.text
        connection.certificateAuthorities = try Self.content("certificate-authority", of: cluster, path) ?? []
        guard let userName = context["user"]?.text else { return }
        guard let user = Self.entry(userName, of: "users", root)?["user"] else { throw failure("has no user \(userName)") }
        try read(user, path)
    }

    private mutating func read(_ user: YAMLValue, _ path: String) throws(KeychainError) {
        guard user["auth-provider"] == nil else {
            throw .kubeconfig(path: path, reason: "has a user with auth-provider, which Kubernetes 1.26 has given up; use exec")
        }
        if let certificate = try Self.content("client-certificate", of: user, path),
            let key = try Self.content("client-key", of: user, path)
        {
            connection.clientIdentity = RegistryHost.ClientIdentity(certificate: certificate, key: key)
        }
        if let file = user["tokenFile"]?.text {
            self.user = .tokenFile(Self.absolute(file, path))
        } else if let token = user["token"]?.text {
            self.user = .token(token)
        } else if let name = user["username"]?.text {
            self.user = .password(Credential(user: name, password: user["password"]?.text ?? ""))
        } else if let exec = user["exec"] {
            do throws(ExecPlugin.Unusable) {
                self.user = .plugin(try ExecPlugin(exec, for: self, directory: Paths.parent(of: path)))
            } catch {
                throw .kubeconfig(path: path, reason: error.reason)
            }
        }
    }

    /// Headers of a request; nothing of what a plug-in gives.
    func headers() throws(KeychainError) -> [String: String] {
        switch user {
        case .nobody, .plugin: return [:]
        case .token(let token): return Self.headers(token: token)
        case .password(let credential): return ["Authorization": credential.basic]
        case .tokenFile(let path):
            let token = String(decoding: try Self.read(path, for: path), as: UTF8.self).filter { !$0.isWhitespace }
            return Self.headers(token: token)
        }
    }

    static func headers(token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }

    private static func entry(_ name: String, of list: String, _ root: YAMLValue) -> YAMLValue? {
        root[list]?.elements.first { $0["name"]?.text == name }
    }

    /// What a key names as a file, or holds in base64 when it is called `…-data`; the latter counts.
    private static func content(_ key: String, of table: YAMLValue, _ path: String) throws(KeychainError) -> [UInt8]? {
        if let text = table[key + "-data"]?.text {
            guard let data = Data(base64Encoded: text) else { throw .kubeconfig(path: path, reason: "\(key)-data is not base64") }
            return Array(data)
        }
        guard let file = table[key]?.text else { return nil }
        return try read(absolute(file, path), for: path)
    }

    private static func absolute(_ file: String, _ path: String) -> String {
        file.hasPrefix("/") ? file : Paths.parent(of: path) + "/" + file
    }

    private static func read(_ file: String, for path: String) throws(KeychainError) -> [UInt8] {
        do {
            return try Files.read(file, limit: largestFile)
        } catch {
            throw .kubeconfig(path: path, reason: "\(error)")
        }
    }
}
