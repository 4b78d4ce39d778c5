internal import HostSystem
public import Registry

/// containerd's `hosts.toml`: the hosts of one registry.
///
/// Reading is strict, as with the daemon's file: what is not understood is an error with file, line and key, and not a mirror that is
/// passed over in silence. Files that it names are relative to its directory; certificates are read at once.
public enum HostsFile {
    /// Reads a file's text.
    ///
    /// - Parameters:
    ///   - path: of the file, for messages, and for what it names.
    ///   - registry: that it is read for; its server when the file names none.
    public static func parse(_ text: String, path: String, registry: String) throws(ConfigurationError) -> RegistryHosts {
        let reader = try TableReader(parsing: text, path: path)
        var url = ""
        try reader.read("server", into: &url)
        var overridesPath = false
        try reader.read("override_path", into: &overridesPath)
        var hosts = RegistryHosts(server: RegistryHost(registry: registry))
        if !url.isEmpty {
            guard let named = RegistryHost(url: url, overridesPath: overridesPath) else { throw reader.failure("server", notURL) }
            hosts.server = named
        }
        try read(reader, into: &hosts.server)
        try reader.readTable("host") { table throws(ConfigurationError) in
            for url in table.keysInOrder {
                try table.readTable(url) { mirror throws(ConfigurationError) in
                    var overridesPath = false
                    try mirror.read("override_path", into: &overridesPath)
                    guard var host = RegistryHost(url: url, overridesPath: overridesPath) else { throw table.failure(url, notURL) }
                    // Unlike containerd, which lets a mirror have everything: nobody pushes to a mirror that they did not mean.
                    host.capabilities = [.pull, .resolve]
                    try read(mirror, into: &host)
                    hosts.mirrors.append(host)
                }
            }
        }
        try reader.finish()
        return hosts
    }

    private static let notURL = "must be the URL of a host, such as https://mirror.example.org:5000"

    private static func read(_ table: TableReader, into host: inout RegistryHost) throws(ConfigurationError) {
        if let names = try table.stringsIfAny("capabilities"), !names.isEmpty { host.capabilities = try capabilities(names, table) }
        if let files = try table.stringsIfAny("ca") {
            for file in files { host.connection.certificateAuthorities += try certificates(file, "ca", table) }
        }
        host.connection.clientCertificate = try clientCertificate(table)
        try table.read("skip_verify", into: &host.connection.skipsVerification)
        var timeout = ""
        try table.read("dial_timeout", into: &timeout)
        if !timeout.isEmpty {
            guard let duration = Duration(text: timeout) else {
                throw table.failure("dial_timeout", "must be a time such as \"1s\" or \"500ms\"")
            }
            host.connection.connectTimeout = duration
        }
        var proxy = ""
        try table.read("proxy", into: &proxy)
        if !proxy.isEmpty {
            let schemes = ["http://", "https://", "socks5://", "socks5h://"]
            guard let scheme = schemes.first(where: { proxy.hasPrefix($0) }), proxy != scheme else {
                throw table.failure("proxy", "must be a URL that begins with \(schemes.joined(separator: ", "))")
            }
            host.connection.proxy = proxy
        }
        host.headers = try table.headers("header")
    }

    private static func capabilities(_ names: [String], _ table: TableReader) throws(ConfigurationError) -> RegistryHost.Capabilities {
        var found: RegistryHost.Capabilities = []
        for name in names {
            switch name.lowercased() {
            case "pull": found.insert(.pull)
            case "resolve": found.insert(.resolve)
            case "push": found.insert(.push)
            default: throw table.failure("capabilities", "may list pull, resolve and push, not \"\(name)\"")
            }
        }
        return found
    }

    private static func clientCertificate(_ table: TableReader) throws(ConfigurationError) -> (certificate: String, key: String)? {
        let pairs = try table.stringLists("client")
        guard let pair = pairs.first, let certificate = pair.first else { return nil }
        guard pairs.count == 1, pair.count <= 2 else {
            throw table.failure("client", "names several certificates; leave the one that the host accepts, as [[\"CERT\", \"KEY\"]]")
        }
        _ = try certificates(certificate, "client", table)
        let key = pair.count == 2 && !pair[1].isEmpty ? pair[1] : certificate
        _ = try file(key, "client", table)
        return (absolute(certificate, table), absolute(key, table))
    }

    private static func certificates(_ name: String, _ key: String, _ table: TableReader) throws(ConfigurationError) -> [UInt8] {
        let bytes = try file(name, key, table)
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("-----BEGIN CERTIFICATE-----") || text.contains("-----BEGIN TRUSTED CERTIFICATE-----") else {
            throw table.failure(key, "names \(absolute(name, table)), which has no certificate in it (PEM is expected)")
        }
        return bytes + Array("\n".utf8)
    }

    private static func file(_ name: String, _ key: String, _ table: TableReader) throws(ConfigurationError) -> [UInt8] {
        do {
            return try Files.read(absolute(name, table), limit: largestCertificates)
        } catch {
            throw table.failure(key, "names \(absolute(name, table)), which cannot be read: \(HostsDirectory.reason(error))")
        }
    }

    /// Bytes of a file of certificates; the world's authorities together have a quarter of a million.
    private static let largestCertificates = 4 << 20

    private static func absolute(_ name: String, _ table: TableReader) -> String {
        name.hasPrefix("/") ? name : Paths.parent(of: table.source.path) + "/" + name
    }
}
