internal import HostSystem
public import Registry

/// containerd's directory of hosts: `<directory>/<registry>/hosts.toml`.
public struct HostsDirectory: Sendable {
    private let path: String

    /// Where containerd's documentation puts it.
    public static let usual = "/etc/containerd/certs.d"
    /// Bytes of a hosts.toml.
    private static let largestFile = 1 << 20

    /// A directory that somebody named.
    ///
    /// - Throws: `ConfigurationError.unreadable` when it is none.
    public init(_ path: String) throws(ConfigurationError) {
        guard Files.isDirectory(path) else { throw .unreadable(path: path, reason: "is not a directory; name one with hosts.toml files") }
        self.path = path
    }

    /// The usual directory; nil when this machine has none.
    public static func usualIfAny() throws(ConfigurationError) -> HostsDirectory? {
        Files.isDirectory(usual) ? try HostsDirectory(usual) : nil
    }

    /// What the directory says of a registry; nil for nothing.
    ///
    /// The first of `host_port_`, `host:port` and `_default` that is there counts, even without a hosts.toml.
    public func hosts(of registry: String) throws(ConfigurationError) -> RegistryHosts? {
        for name in HostsDirectory.names(registry) where Files.isDirectory(path + "/" + name) {
            let file = path + "/" + name + "/hosts.toml"
            guard Files.exists(file) else { return nil }
            let text: [UInt8]
            do {
                text = try Files.read(file, limit: HostsDirectory.largestFile)
            } catch {
                throw .unreadable(
                    path: file, reason: "cannot be read: \(HostsDirectory.reason(error)); make it so, or name another --hosts-dir")
            }
            return try HostsFile.parse(String(decoding: text, as: UTF8.self), path: file, registry: registry)
        }
        return nil
    }

    /// Why, without the path, which the message has already.
    static func reason(_ error: HostError) -> String { error.code.map { HostError.text($0) } ?? error.description }

    private static func names(_ registry: String) -> [String] {
        guard !registry.contains("/"), !registry.hasPrefix(".") else { return ["_default"] }
        guard let colon = registry.lastIndex(of: ":"), UInt16(registry[registry.index(after: colon)...]) != nil else {
            return [registry, "_default"]
        }
        return ["\(registry[..<colon])_\(registry[registry.index(after: colon)...])_", registry, "_default"]
    }
}
