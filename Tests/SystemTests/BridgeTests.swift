import HostSystem
import OCI
import TestSupport
import Testing

@Suite("the bridge of starling run, with Debian's CNI plugins and iptables", .serialized)
struct BridgeTests {
    private let stage: ContainerStage
    private var fixture: SystemFixture { stage.fixture }

    init() throws {
        try requireProgram("iptables")
        guard Files.exists("/usr/lib/cni/bridge") else { throw TestFailure("this test needs apt-get install containernetworking-plugins") }
        stage = try ContainerStage()
    }

    private func web(_ options: [String]) throws -> JSONValue {
        _ = try stage.succeed(
            "run", ["-d", "--name", "web"] + options + [fixture.lazy, "python3", "-m", "http.server", "-d", "/etc", "80"])
        return try #require(try stage.listed([]).first)
    }

    /// What a server in a container says, asked from here.
    private func fetch(_ address: String) throws -> String {
        let script =
            "import urllib.request; print(urllib.request.urlopen('http://\(address)/debian_version', timeout=5).read().decode(), end='')"
        var text = ""
        try waitUntil("the server answers") {
            let result = try Program.run("/usr/bin/python3", ["-c", script])
            text = result.outputText
            return result.status == 0
        }
        return text
    }

    private func expectNothingLeft(_ id: String, _ address: String) throws {
        try stage.expectNothingLeft()
        #expect(!Files.exists("/var/lib/cni/networks/starling/" + address))
        for table in ["nat", "filter"] {
            let rules = try TestSupport.run("iptables", ["-w", "-t", table, "-S"]).outputText
            #expect(!rules.contains(id) && !rules.contains(address + "/32"), "\(rules)")
        }
    }

    private func word(_ value: JSONValue?) throws -> String { try #require(value?.string) }

    @Test("a container has an address and a name, reaches others and the machine, and a published port leads to it")
    func published() throws {
        let port = try Loopback.freePort()
        let web = try web(["-p", "127.0.0.1:\(port):80"])
        let (id, address) = (try word(web["id"]), try word(web["address"]))
        #expect(web["ports"]?.array == [.string("127.0.0.1:\(port)->80/tcp")])
        let version = try fetch("127.0.0.1:\(port)")
        #expect(try !version.isEmpty && fetch(address) == version)
        let hosts = try stage.succeed("exec", ["web", "sh", "-c", "tail -n1 /etc/hosts; hostname; ls /sys/class/net"])
        #expect(hosts == "\(address)\t\(id.prefix(12))\n\(id.prefix(12))\neth0\nlo\n")
        let script =
            "import urllib.request; print(urllib.request.urlopen('http://\(address)/debian_version', timeout=5).read().decode(), end='')"
        #expect(try stage.succeed("run", ["--rm", "--network", "bridge", fixture.lazy, "python3", "-c", script]) == version)
        // Once more with another address, which its own name means then.
        _ = try stage.succeed("stop", ["web"])
        _ = try stage.succeed("start", ["web"])
        #expect(try fetch("127.0.0.1:\(port)") == version)
        let now = try word(stage.listed([]).first?["address"])
        #expect(try stage.succeed("exec", ["web", "tail", "-n1", "/etc/hosts"]) == "\(now)\t\(id.prefix(12))\n")
        _ = try stage.succeed("rm", ["-f", "web"])
        try expectNothingLeft(id, now)
    }

    @Test("what a killed process had set up is taken down by the next command")
    func killed() throws {
        let port = try Loopback.freePort()
        let web = try web(["-p", "\(port):80"])
        let (id, address) = (try word(web["id"]), try word(web["address"]))
        try stage.killProcess(of: id)
        _ = try stage.succeed("rm", ["web"])
        try expectNothingLeft(id, address)
    }

    @Test("where nothing can be set up, one line says what is missing, and nothing is left")
    func refused() throws {
        // iptables that does not work, before the real one in PATH.
        let programs = stage.directory.path + "/bin"
        try Files.makeDirectories(programs)
        try AtomicFile.write(Array("#!/bin/sh\necho 'iptables: no such table' >&2\nexit 3\n".utf8), to: programs + "/iptables", mode: 0o755)
        let result = try stage.run(
            "run", ["--rm", "--network", "bridge", fixture.lazy, "true"],
            environment: ChildProcess.environment(with: ["PATH": programs + ":/usr/sbin:/usr/bin:/sbin:/bin"]))
        #expect(result.status == 125 && result.errorText.contains("iptables: no such table"), "\(result.errorText)")
        #expect(result.errorText.split(separator: "\n").count == 1)
        let host = try stage.run("run", ["--rm", "--network", "host", "-p", "80", fixture.lazy, "true"])
        #expect(host.status == 125 && host.errorText.split(separator: "\n").count == 1)
        try stage.expectNothingLeft()
    }
}
