import HostSystem
import Registry
import Testing

@testable import Configuration

@Suite("hosts.toml")
struct HostsFileTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/hosts.toml" }

    private static let pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"

    init() throws {
        directory = try TemporaryDirectory()
        for name in ["a.crt", "b.crt", "client.cert", "client.key"] {
            try AtomicFile.write(Array((HostsFileTests.pem + name + "\n").utf8), to: directory.path + "/" + name)
        }
    }

    private func parse(_ text: String, registry: String = "r.example") throws -> RegistryHosts {
        try HostsFile.parse(text, path: path, registry: registry)
    }

    private func failure(_ text: String) -> String? {
        do {
            _ = try parse(text)
            return nil
        } catch {
            return "\(error)".replacing(directory.path, with: "DIR")
        }
    }

    @Test("an empty file means the registry itself, with everything that it may be asked for")
    func empty() throws {
        let hosts = try parse("# nothing\n")
        #expect(hosts == RegistryHosts(server: RegistryHost(registry: "r.example")))
        #expect(hosts.server.capabilities == [.pull, .resolve, .push] && hosts.server.scheme == nil)
        #expect(try parse("", registry: "docker.io").server.authority == "registry-1.docker.io")
    }

    @Test("every key is read, for mirrors and for the server")
    func everything() throws {
        let hosts = try parse(
            """
            server = "https://r.example:5000"
            ca = "a.crt"
            [header]
            X-Server = "s"

            [host."http://m.example:5000/hub"]
            capabilities = ["pull", "Resolve", "push"]
            ca = ["a.crt", "\(directory.path)/b.crt"]
            client = [["client.cert", "client.key"]]
            skip_verify = true
            override_path = true
            dial_timeout = "1m1.5s"
            proxy = "http://proxy:8080"
            [host."http://m.example:5000/hub".header]
            X-One = "1"
            X-Two = ["2", "3"]
            """)
        var server = try #require(RegistryHost(url: "https://r.example:5000"))
        func file(_ name: String) -> [UInt8] { Array((HostsFileTests.pem + name + "\n\n").utf8) }
        server.connection.certificateAuthorities = file("a.crt")
        server.headers = ["X-Server": "s"]
        var mirror = try #require(RegistryHost(url: "http://m.example:5000/hub", overridesPath: true))
        mirror.connection.certificateAuthorities = file("a.crt") + file("b.crt")
        mirror.connection.clientCertificate = (directory.path + "/client.cert", directory.path + "/client.key")
        mirror.connection.skipsVerification = true
        mirror.connection.connectTimeout = .milliseconds(61_500)
        mirror.connection.proxy = "http://proxy:8080"
        mirror.headers = ["X-One": "1", "X-Two": "2, 3"]
        #expect(hosts == RegistryHosts(mirrors: [mirror], server: server))
    }

    @Test("a client's certificate may hold its key", arguments: ["\"client.cert\"", "[\"client.cert\"]", "[[\"client.cert\", \"\"]]"])
    func client(value: String) throws {
        let pair = try parse("client = \(value)").server.connection.clientCertificate
        #expect(pair?.certificate == directory.path + "/client.cert" && pair?.key == directory.path + "/client.cert")
    }

    @Test(
        "mirrors keep the order of the file, however they are written",
        arguments: [
            "[host.\"https://z\"]\n[host.\"https://a\"]\n[host.\"https://m\"]\n",
            "[host]\n[host.'https://z'.header]\nX = \"1\"\n[ host . \"https://a\" ]\n# [host.\"https://b\"]\n[host.\"https://m\"]\n",
            "host.\"https://z\".skip_verify = true\nhost.\"https://a\".skip_verify = false\r\nhost.\"https://m\".skip_verify = true\n",
            "[host]\n\"https://z\" = { skip_verify = true }\n\"https://a\" = {}\n\"https://m\" = {}\n",
        ])
    func order(text: String) throws {
        #expect(try parse(text).mirrors.map(\.authority) == ["z", "a", "m"])
    }

    @Test("a mirror may not be pushed to unless the file says so")
    func pushing() throws {
        let hosts = try parse("[host.\"https://m\"]\n[host.\"https://n\"]\ncapabilities = [\"push\"]\n")
        #expect(hosts.mirrors.map(\.capabilities) == [[.pull, .resolve], [.push]])
    }

    @Test(
        "what cannot be used is one line: file, line, key, and what is expected",
        arguments: [
            ("servers = \"x\"", "DIR/hosts.toml:1: unknown key servers"),
            ("[host.\"http://[::1]:5000\"]\nskip_verfy = true", "DIR/hosts.toml:2: unknown key host.\"http://[::1]:5000\".skip_verfy"),
            ("\nserver = \"ftp://x\"", "DIR/hosts.toml:2: server must be the URL of a host, such as https://mirror.example.org:5000"),
            (
                "[host.\"https://\"]",
                "DIR/hosts.toml:1: host.\"https://\" must be the URL of a host, such as https://mirror.example.org:5000"
            ),
            ("[host]\nm = 1", "DIR/hosts.toml:2: host.m must be a table"),
            ("capabilities = [\"pul\"]", "DIR/hosts.toml:1: capabilities may list pull, resolve and push, not \"pul\""),
            ("capabilities = 1", "DIR/hosts.toml:1: capabilities must be a text or a list of texts"),
            ("skip_verify = \"yes\"", "DIR/hosts.toml:1: skip_verify must be true or false"),
            (
                "ca = \"none.crt\"",
                "DIR/hosts.toml:1: ca names DIR/none.crt, which cannot be read: No such file or directory"
            ),
            ("ca = \"hosts.txt\"", "DIR/hosts.toml:1: ca names DIR/hosts.txt, which has no certificate in it (PEM is expected)"),
            ("client = [[1]]", "DIR/hosts.toml:1: client must be a text, or a list of texts or of pairs of texts"),
            (
                "client = [\"client.cert\", \"a.crt\"]",
                "DIR/hosts.toml:1: client names several certificates; leave the one that the host accepts, as [[\"CERT\", \"KEY\"]]"
            ),
            ("dial_timeout = \"1\"", "DIR/hosts.toml:1: dial_timeout must be a time such as \"1s\" or \"500ms\""),
            ("proxy = \"proxy:8080\"", "DIR/hosts.toml:1: proxy must be a URL that begins with http://, https://, socks5://, socks5h://"),
            ("[header]\n\"a:b\" = \"1\"", "DIR/hosts.toml:2: header.\"a:b\" is not the name of a header"),
            ("[header]\na = \"1\\nb: 2\"", "DIR/hosts.toml:2: header.a has a control character in its value"),
        ])
    func failures(text: String, message: String) throws {
        try AtomicFile.write([1], to: directory.path + "/hosts.txt")
        #expect(failure(text) == message)
    }

    @Test("text that is not TOML is an error with its line")
    func malformed() {
        #expect(failure("server = \"x\"\n[host\n")?.hasPrefix("DIR/hosts.toml:2: ") == true)
    }

    @Test(
        "times are read as Go writes them",
        arguments: [
            ("1s", .seconds(1)), ("500ms", .milliseconds(500)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5400)),
            ("2µs", .microseconds(2)),
            ("0s", .zero), ("", nil), ("s", nil), ("1", nil), ("-1s", nil), ("1d", nil), ("1.2.3s", nil), ("9999999h", nil),
        ] as [(String, Duration?)])
    func times(text: String, duration: Duration?) {
        #expect(Duration(text: text) == duration)
    }

    @Test("the first directory of a registry's names counts, then _default")
    func directories() throws {
        func write(_ name: String, _ server: String) throws {
            try Files.makeDirectories(directory.path + "/" + name)
            try AtomicFile.write(Array("server = \"https://\(server)\"".utf8), to: "\(directory.path)/\(name)/hosts.toml")
        }
        let hosts = try HostsDirectory(directory.path)
        #expect(try hosts.hosts(of: "r.example:5000") == nil)
        try write("_default", "default")
        #expect(try hosts.hosts(of: "r.example:5000")?.server.authority == "default")
        try write("r.example:5000", "colon")
        #expect(try hosts.hosts(of: "r.example:5000")?.server.authority == "colon")
        try write("r.example_5000_", "underscore")
        #expect(try hosts.hosts(of: "r.example:5000")?.server.authority == "underscore")
        #expect(try hosts.hosts(of: "r.example")?.server.authority == "default")
        try Files.makeDirectories(directory.path + "/r.example")
        #expect(try hosts.hosts(of: "r.example") == nil)
        #expect(try hosts.hosts(of: "../r.example")?.server.authority == "default")
        try Files.makeDirectories(directory.path + "/r.example/hosts.toml")
        let reason = "cannot be read: Is a directory; make it so, or name another --hosts-dir"
        #expect(throws: ConfigurationError.unreadable(path: directory.path + "/r.example/hosts.toml", reason: reason)) {
            try hosts.hosts(of: "r.example")
        }
        #expect(throws: ConfigurationError.self) { try HostsDirectory(directory.path + "/none") }
    }
}
