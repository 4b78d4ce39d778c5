import ArgumentParser
import Configuration
import HostSystem
import Logging
import Registry
import StartTrace

/// Options of every command that talks to a registry.
struct RegistryArguments: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Use plain HTTP for the registry (on loopback it is tried unasked).")
    var plainHTTP = false

    @Option(name: .customLong("authfile"), help: ArgumentHelp("Credentials, instead of docker's config.json.", valueName: "file"))
    var authFile: String?

    @Option(
        name: .customLong("hosts-dir"),
        help: ArgumentHelp(
            "Mirrors and certificates of registries, as containerd keeps them: DIR/HOST/hosts.toml. (default: \(HostsDirectory.usual))",
            valueName: "dir"))
    var hostsDirectory: String?

    /// Whatever becomes of the directory that we were started in: a process in the background leaves it.
    mutating func validate() throws {
        authFile = try authFile.map(Paths.absolute)
        hostsDirectory = try hostsDirectory.map(Paths.absolute)
    }

    /// A client; a named directory that is none is an error, the usual one may be missing.
    ///
    /// - Parameter trace: who takes down every request; nil for nobody.
    func client(_ trace: TraceRecorder? = nil) throws -> RegistryClient {
        let directory = try hostsDirectory.map { path throws(ConfigurationError) in try HostsDirectory(path) } ?? .usualIfAny()
        var options = RegistryOptions()
        if let directory { options.hosts = { try directory.hosts(of: $0) } }
        options.plainHTTP = plainHTTP ? true : nil
        options.authFile = authFile
        options.trace = trace
        return RegistryClient(options: options)
    }
}

/// Options of every command that uses the local store.
struct StoreArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp("Store and state. (default: /var/lib/starling, for ordinary users $XDG_DATA_HOME/starling)", valueName: "dir"))
    var root: String?

    var rootDirectory: String { root ?? Paths.defaultRoot() }

    mutating func validate() throws { root = try root.map(Paths.absolute) }

    /// Makes a directory for what is needed while `body` runs, and removes it.
    ///
    /// - Parameter kind: what its name begins with.
    func withDirectory<Result>(for kind: String, _ body: (_ path: String) async throws -> Result) async throws -> Result {
        let home = try LockedDirectory("\(kind)-\(RandomName.make())", in: rootDirectory + "/run")
        let result: Result
        do {
            result = try await body(home.path)
        } catch {
            // The first failure is the one to tell; what stays is reaped by the next command.
            try? Files.remove(home.path)
            throw error
        }
        try Files.remove(home.path)
        return result
    }
}

/// How much is said.
struct LogArguments: ParsableArguments {
    // No -v: for docker, and so for `run`, that is a volume.
    @Flag(help: "Say what is being done.")
    var verbose = false

    func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = verbose ? .debug : .warning
        return logger
    }
}
