import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling run as an ordinary user, with a real registry and crun", .serialized)
struct RootlessRunTests {
    private let fixture: SystemFixture
    private let proxy: CountingProxy
    private let before: MachineState

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
        before = try MachineState()
    }

    private func reference(_ tag: String) -> String { "\(proxy.address)/\(SystemFixture.repository):\(tag)" }

    private func run(_ user: ContainerUser, _ tag: String, _ command: [String], _ options: [String] = []) throws -> Program.Result {
        try user.starling(["run", "--rm", "--no-background-fetch"] + options + [reference(tag)] + command, deadline: .seconds(240))
    }

    private func expectNothingLeft(_ user: ContainerUser) throws {
        #expect(try MachineState() == before)
        #expect(try bundles(in: user.home + "/.local/share/starling").isEmpty)
    }

    @Test("a container runs before its image is here, and is root's of a namespace: it gives files to others, and removes directories")
    func lazy() throws {
        let user = try ContainerUser(.ordinary)
        let hello = try run(user, "lazy", ["python3", "-c", "import os; print('hello', os.getuid())"])
        #expect(hello.status == 0 && hello.outputText == "hello 0\n" && hello.errorText.isEmpty, "\(hello.errorText)")
        #expect(try proxy.bytesDown < fixture.layerSize("lazy") / 3)
        let script =
            "chown 1:1 /etc/debian_version && rm -r /usr/share/doc && mkdir /usr/share/doc && stat -c %u /etc/debian_version && ls /usr/share/doc; exit 7"
        let changes = try run(user, "lazy", ["sh", "-c", script])
        #expect(changes.status == 7 && changes.outputText == "1\n", "\(changes.errorText)")
        try expectNothingLeft(user)
    }

    @Test("another user of the image has that user's rights only")
    func otherUser() throws {
        let user = try ContainerUser(.ordinary)
        let result = try run(user, "lazy", ["sh", "-c", "id -u; cat /etc/shadow"], ["--user", "nobody"])
        #expect(
            result.status == 1 && result.outputText == "65534\n" && result.errorText.contains("Permission denied"), "\(result.errorText)")
        try expectNothingLeft(user)
    }

    @Test("an ordinary image is pulled and unpacked, with the owners that it says, and runs")
    func plain() throws {
        let user = try ContainerUser(.ordinary)
        let command = ["sh", "-c", "stat -c %G /etc/shadow /var/mail; find / -xdev -uid 65534 | head -3"]
        let (plain, lazy) = (try run(user, "plain", command), try run(user, "lazy", command))
        #expect(plain.status == 0 && plain.errorText.contains("not lazy"), "\(plain.errorText)")
        #expect(plain.outputText == lazy.outputText && plain.outputText.hasPrefix("shadow\nmail\n"))
        try expectNothingLeft(user)
    }

    @Test(
        "layers that hide, replace and extend each other do so as they do for root, lazy and unpacked",
        arguments: ["layered-lazy", "layered"])
    func layered(tag: String) throws {
        let images = try TemporaryDirectory(in: Paths.spoolDirectory)
        let layout = try TestImages.layered(in: images.path, hasShell: true)
        try fixture.registry.push("oci:\(layout):latest", as: SystemFixture.repository + ":layered")
        if tag == "layered-lazy" { try Starling.succeed(["convert", reference("layered"), reference(tag)]) }
        let user = try ContainerUser(.ordinary)
        let list =
            "cd /; for name in *; do case $name in proc|sys|dev) ;; *) busybox find $name -exec stat -c '%n %F %a %u %g %s %Y' {} +;; esac; done "
            + "| busybox grep -v -e '^etc ' -e '^etc/\\(hosts\\|hostname\\|resolv.conf\\|mtab\\) ' | busybox sort; "
            + "busybox find kept opaque deleted* replaced* large* big* -type f | busybox sort | busybox xargs busybox sha256sum"
        let result = try run(user, tag, ["sh", "-c", list])
        let root = try Starling.succeed(["run", "--rm", "--root", images.path + "/root", reference(tag), "sh", "-c", list])
        let (left, right) = (result.outputText.split(separator: "\n"), root.outputText.split(separator: "\n"))
        #expect(left == right && left.count > 40, "\(left.difference(from: right))\(result.errorText)")
        try expectNothingLeft(user)
    }

    @Test("a user without other ids is the only one there is")
    func single() throws {
        let user = try ContainerUser(.ordinary, hasOtherIDs: false)
        let result = try run(user, "lazy", ["sh", "-c", "cat /proc/self/uid_map; touch /new && stat -c %u /new; chown 1 /new"])
        #expect(result.outputText.split(whereSeparator: \.isWhitespace).count == 4, "\(result.outputText)\(result.errorText)")
        #expect(result.status == 1 && result.errorText.contains("Invalid argument"), "\(result.errorText)")
        try expectNothingLeft(user)
    }

    @Test("a container in the background takes another process in, also another user's, tells its output, and is stopped and removed")
    func background() throws {
        let user = try ContainerUser(.ordinary)
        let started = try user.starling([
            "run", "-d", "--name", "one", "--no-background-fetch", reference("lazy"), "sh", "-c", "echo begun; touch /tmp/mark; sleep 1000",
        ])
        #expect(started.status == 0, "\(started.errorText)")
        try waitUntil("it has begun", deadline: .seconds(60)) { try user.starling(["logs", "one"]).outputText == "begun\n" }
        let inside = try user.starling(["exec", "one", "sh", "-c", "id -u; ls /tmp; chown 1:1 /tmp/mark && stat -c %u /tmp/mark; exit 3"])
        #expect(inside.status == 3 && inside.outputText == "0\nmark\n1\n", "\(inside.errorText)")
        let other = try user.starling(["exec", "-u", "nobody", "-w", "/tmp", "one", "sh", "-c", "id -u; pwd; cat /etc/shadow"])
        #expect(other.status == 1 && other.outputText == "65534\n/tmp\n", "\(other.errorText)")
        #expect(try user.starling(["exec", "one", "no-such-program"]).status == 127)
        #expect(try user.starling(["stop", "one"]).status == 0)
        let late = try user.starling(["exec", "one", "true"])
        #expect(late.status == 125 && late.errorText.contains("not running"), "\(late.errorText)")
        #expect(try user.starling(["rm", "one"]).status == 0)
        try waitUntil("nothing is left") { try MachineState.processes(mentioning: user.home).isEmpty }
        try expectNothingLeft(user)
    }

    @Test("a signal ends the container, and leaves nothing", arguments: [SIGTERM, SIGKILL])
    func signals(signal: Int32) throws {
        let user = try ContainerUser(.ordinary)
        let program = try user.start(
            Places.product("starling"), ["run", "--rm", reference("lazy"), "sh", "-c", "echo begun; exec sleep 1000"])
        try waitUntil("it runs", deadline: .seconds(60)) { program.output == "begun\n" }
        program.kill(signal)
        #expect(try program.wait() == 128 + signal, "\(program.error)")
        if signal == SIGKILL {
            // The next run removes what is left.
            #expect(try run(user, "lazy", ["true"]).status == 0)
        }
        try waitUntil("nothing is left") { try MachineState.processes(mentioning: user.home).isEmpty }
        try expectNothingLeft(user)
    }
}
