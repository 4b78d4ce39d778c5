import HostSystem
import Synchronization

/// Debian's docker-registry on a loopback port, with an empty storage of its own.
public final class RegistryServer: Sendable {
    /// The port.
    public let port: UInt16
    private let directory: TemporaryDirectory
    private let server: Mutex<ServerProcess>
    private let identity: ServerIdentity?

    /// Starts a registry and waits until it answers.
    ///
    /// - Parameters:
    ///   - passwords: lines of an htpasswd file with bcrypt hashes; nil for a registry that is open to all.
    ///   - identity: serve TLS with this certificate; nil for plain HTTP.
    ///   - clients: let in only clients that show this certificate.
    public init(passwords: String? = nil, identity: ServerIdentity? = nil, clients: ServerIdentity? = nil) throws {
        let port = try Loopback.freePort()
        let directory = try TemporaryDirectory(prefix: "starling-registry-")
        Guardian.shared.add(directory: directory.path)
        var configuration = """
            version: 0.1
            log: {level: warn, accesslog: {disabled: true}}
            storage:
              filesystem: {rootdirectory: \(directory.path)/storage}
              delete: {enabled: true}
            http:
              addr: "127.0.0.1:\(port)"

            """
        if let identity {
            let clients = clients.map { ", clientcas: [\"\($0.certificate)\"]" } ?? ""
            configuration += "  tls: {certificate: \"\(identity.certificate)\", key: \"\(identity.key)\"\(clients)}\n"
        }
        if let passwords {
            try AtomicFile.write(Array(passwords.utf8), to: directory.path + "/htpasswd")
            configuration += "auth: {htpasswd: {realm: test, path: \(directory.path)/htpasswd}}\n"
        }
        try AtomicFile.write(Array(configuration.utf8), to: directory.path + "/config.yml")
        self.port = port
        self.identity = identity
        self.directory = directory
        server = Mutex(try RegistryServer.start(in: directory, port: port))
    }

    private static func start(in directory: TemporaryDirectory, port: UInt16) throws -> ServerProcess {
        let program = try requireProgram("docker-registry")
        return try ServerProcess(program, ["serve", directory.path + "/config.yml"], directory: directory) { Loopback.accepts(port: port) }
    }

    /// Ends it and starts it again with what it has stored. Uploads that had begun are lost: what it signs them with is a new key each time.
    public func restart() throws {
        try server.withLock { server in
            server.stop()
            server = try RegistryServer.start(in: directory, port: port)
        }
    }

    /// `127.0.0.1:<port>`, the front of references.
    public var address: String { "127.0.0.1:\(port)" }

    /// Sends its process a signal.
    public func kill(_ signal: Int32) { server.withLock { $0.kill(signal) } }

    /// Directory of its storage.
    public var storage: String { directory.path + "/storage" }

    /// Tags of a repository, as they stand on the disk.
    public func tags(_ repository: String) throws -> [String] { try entries("\(repository)/_manifests/tags") }

    /// Ids of the uploads to a repository that have begun and not ended, as they stand on the disk.
    public func uploads(_ repository: String) throws -> [String] {
        // Of one that was given up docker-registry leaves the state of a hash behind.
        try entries("\(repository)/_uploads").filter { try entries("\(repository)/_uploads/\($0)").contains("data") }
    }

    private func entries(_ path: String) throws -> [String] {
        let directory = "\(storage)/docker/registry/v2/repositories/\(path)"
        return Files.exists(directory) ? try Files.entries(directory) : []
    }

    /// Copies an image into the registry with skopeo: `source` as skopeo names it, such as `oci:DIR:latest`.
    public func push(_ source: String, as name: String) throws {
        try run(
            "skopeo", ["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", source, "docker://\(address)/\(name)"],
            deadline: .seconds(120))
    }
}
