import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("the bridge of starling run, with Debian's CNI plugins and iptables", .serialized)
struct BridgeTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory
    private let before: MachineState

    init() throws {
        fixture = try SystemFixture.shared()
        try requireProgram("iptables")
        guard Files.exists("/usr/lib/cni/bridge") else { throw TestFailure("this test needs apt-get install containernetworking-plugins") }
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        before = try MachineState()
    }

    private var root: String { directory.path + "/root" }

    private func succeed(_ command: String, _ arguments: [String]) throws -> String {
        try Starling.succeed([command, "--root", root] + arguments).outputText
    }

    private func web(_ options: [String]) throws -> JSONValue {
        _ = try succeed("run", ["-d", "--name", "web"] + options + [fixture.lazy, "python3", "-m", "http.server", "-d", "/etc", "80"])
        let list = try Documents.decode(JSONValue.self, from: Array(succeed("ps", ["--json"]).utf8), what: "ps")
        return try #require(list.array?.first)
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
        try waitUntil("no process is left") { try MachineState.processes(mentioning: root).isEmpty }
        #expect(try bundles(in: root).isEmpty)
        #expect(try MachineState() == before)
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
        let hosts = try succeed("exec", ["web", "sh", "-c", "tail -n1 /etc/hosts; hostname; ls /sys/class/net"])
        #expect(hosts == "\(address)\t\(id.prefix(12))\n\(id.prefix(12))\neth0\nlo\n")
        let script =
            "import urllib.request; print(urllib.request.urlopen('http://\(address)/debian_version', timeout=5).read().decode(), end='')"
        #expect(try succeed("run", ["--rm", "--network", "bridge", fixture.lazy, "python3", "-c", script]) == version)
        // Once more with another address, which its own name means then.
        _ = try succeed("stop", ["web"])
        _ = try succeed("start", ["web"])
        #expect(try fetch("127.0.0.1:\(port)") == version)
        let list = try Documents.decode(JSONValue.self, from: Array(succeed("ps", ["--json"]).utf8), what: "ps")
        let now = try word(list.array?.first?["address"])
        #expect(try succeed("exec", ["web", "tail", "-n1", "/etc/hosts"]) == "\(now)\t\(id.prefix(12))\n")
        _ = try succeed("rm", ["-f", "web"])
        try expectNothingLeft(id, now)
    }

    @Test("what a killed process had set up is taken down by the next command")
    func killed() throws {
        let port = try Loopback.freePort()
        let web = try web(["-p", "\(port):80"])
        let (id, address) = (try word(web["id"]), try word(web["address"]))
        let owner = try #require(
            Int32(String(decoding: Files.read("\(root)/containers/\(id)/lock", limit: 32), as: UTF8.self).filter(\.isNumber)))
        #expect(kill(owner, SIGKILL) == 0)
        try waitUntil("it is dead") { kill(owner, 0) != 0 }
        _ = try succeed("rm", ["web"])
        try expectNothingLeft(id, address)
    }

    @Test("where nothing can be set up, one line says what is missing, and nothing is left")
    func refused() throws {
        // iptables that does not work, before the real one in PATH.
        let programs = directory.path + "/bin"
        try Files.makeDirectories(programs)
        try AtomicFile.write(Array("#!/bin/sh\necho 'iptables: no such table' >&2\nexit 3\n".utf8), to: programs + "/iptables", mode: 0o755)
        let result = try Program.run(
            Places.product("starling"), ["run", "--rm", "--network", "bridge", "--root", root, fixture.lazy, "true"],
            environment: ChildProcess.environment(with: ["PATH": programs + ":/usr/sbin:/usr/bin:/sbin:/bin"]))
        #expect(result.status == 125 && result.errorText.contains("iptables: no such table"), "\(result.errorText)")
        #expect(result.errorText.split(separator: "\n").count == 1)
        let host = try Starling.run(["run", "--rm", "--network", "host", "-p", "80", "--root", root, fixture.lazy, "true"])
        #expect(host.status == 125 && host.errorText.split(separator: "\n").count == 1)
        #expect(try bundles(in: root).isEmpty)
        #expect(try MachineState() == before)
    }
}
