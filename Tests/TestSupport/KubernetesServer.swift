import Glibc
import HostSystem
import Synchronization

/// A stand-in for Kubernetes' API server that serves secrets with credentials of registries: testdata/kubernetes/api-server.py.
public final class KubernetesServer: Sendable {
    private let directory: TemporaryDirectory
    private let identity: ServerIdentity
    private let client: ServerIdentity
    /// The port, on 127.0.0.1.
    public let port: UInt16
    private let server: Mutex<ServerProcess>

    /// A token that it accepts at first; it also accepts the client certificate of `kubeconfig`.
    public static let token = "let-me-in"

    /// Starts it, without any secret.
    public init() throws {
        let directory = try TemporaryDirectory(prefix: "starling-kubernetes-")
        (identity, client) = (try ServerIdentity(), try ServerIdentity())
        port = try Loopback.freePort()
        self.directory = directory
        try Files.makeDirectories(directory.path + "/secrets")
        try AtomicFile.write(Array(KubernetesServer.token.utf8), to: directory.path + "/token")
        server = Mutex(try KubernetesServer.start(port, identity, client, directory))
    }

    private static func start(
        _ port: UInt16, _ identity: ServerIdentity, _ client: ServerIdentity, _ directory: TemporaryDirectory
    ) throws -> ServerProcess {
        try ServerProcess(
            requireProgram("python3"),
            [
                Places.package + "/testdata/kubernetes/api-server.py", "\(port)", identity.certificate, identity.key, client.certificate,
                directory.path + "/token", directory.path + "/secrets",
            ], directory: directory
        ) { Loopback.accepts(port: port) }
    }

    /// Ends it and starts it again, without history.
    public func restart() throws {
        try server.withLock { server in
            server.stop()
            server = try KubernetesServer.start(port, identity, client, directory)
        }
    }

    /// Puts a secret into a namespace: a user of a registry.
    public func put(_ namespace: String, _ name: String, registry: String, user: String, password: String) throws {
        let text = #"{"auths":{"\#(registry)":{"username":"\#(user)","password":"\#(password)"}}}"#
        try AtomicFile.write(Array(text.utf8), to: path(namespace, name))
    }

    /// Removes a secret.
    public func remove(_ namespace: String, _ name: String) throws { try Files.remove(path(namespace, name)) }

    /// From now on it accepts this token and no other.
    public func accept(token: String) throws { try AtomicFile.write(Array(token.utf8), to: directory.path + "/token") }

    /// Who signed its certificate (PEM).
    public func authority() throws -> [UInt8] { try identity.certificateBytes() }

    /// The certificate that it knows a client by (PEM), and the key.
    public func clientIdentity() throws -> (certificate: [UInt8], key: [UInt8]) {
        (try client.certificateBytes(), try Files.read(client.key, limit: 1 << 20))
    }

    /// Forgets all history, as a server does from time to time.
    public func compact() throws { try AtomicFile.write([], to: directory.path + "/secrets/compact") }

    private func path(_ namespace: String, _ name: String) -> String { "\(directory.path)/secrets/\(namespace)__\(name).json" }

    /// Writes a kubeconfig with the server's certificate in it and the client's beside it.
    ///
    /// - Parameters:
    ///   - token: in place of the client certificate.
    ///   - user: lines of the user in place of both, each indented by eight.
    public func writeKubeconfig(to path: String, token: String? = nil, user: String? = nil) throws {
        let authority = try run("base64", ["-w0", identity.certificate]).outputText
        let user = user ?? token.map { "token: \($0)" } ?? "client-certificate: \(client.certificate)\n    client-key: \(client.key)"
        let text = """
            apiVersion: v1
            kind: Config
            current-context: admin@test
            contexts:
            - name: admin@test
              context: {cluster: test, user: admin}
            clusters:
            - name: test
              cluster:
                server: https://127.0.0.1:\(port)
                certificate-authority-data: \(authority)
            users:
            - name: admin
              user:
                \(user)

            """
        try AtomicFile.write(Array(text.utf8), to: path)
    }
}
