import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("containers in the background, with a real registry and runc", .serialized)
struct ContainersTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory
    private let before: MachineState

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        before = try MachineState()
    }

    private var root: String { directory.path + "/root" }

    /// A command on this suite's store.
    private func starling(_ command: String, _ arguments: [String] = []) throws -> Program.Result {
        try Starling.run([command, "--root", root] + arguments)
    }

    private func succeed(_ command: String, _ arguments: [String] = []) throws -> String {
        try Starling.succeed([command, "--root", root] + arguments).outputText
    }

    private func start(_ options: [String], _ script: String) throws -> String {
        String(try succeed("run", ["-d"] + options + [fixture.lazy, "sh", "-c", script]).dropLast())
    }

    private func listed(_ options: [String] = ["-a"]) throws -> [JSONValue] {
        try Documents.decode(JSONValue.self, from: Array(succeed("ps", options + ["--json"]).utf8), what: "ps").array ?? []
    }

    private func expectNothingLeft() throws {
        try waitUntil("no process is left") { try MachineState.processes(mentioning: root).isEmpty }
        #expect(try bundles(in: root).isEmpty)
        #expect(try MachineState() == before)
    }

    @Test("a container runs on, is listed, answers exec, has a log, ends when it is asked to, starts again with its files, and goes")
    func life() throws {
        let id = try start(
            ["--name", "web", "-l", "a=b", "--cidfile", directory.path + "/id"], "echo out; echo err >&2; cat /kept; exec sleep 600")
        #expect(id.utf8.count == 64)
        #expect(try Files.read(directory.path + "/id", limit: 100) == Array(id.utf8))
        let one = try #require(try listed([]).first)
        #expect(one["id"] == .string(id) && one["name"] == .string("web") && one["status"] == .string("running"))
        #expect(one["labels"]?["a"] == .string("b"))
        #expect(try succeed("ps").contains(id.prefix(12)))
        try waitUntil("it has written") { try starling("logs", ["web"]).errorText.contains("err\n") }
        #expect(try starling("logs", [String(id.prefix(8))]).outputText == "out\n")
        let stamped = try starling("logs", ["-t", "web"]).outputText
        #expect(stamped.hasPrefix("20") && stamped.hasSuffix("Z out\n"), "\(stamped)")
        #expect(
            try succeed("exec", ["-u", "12:13", "-e", "A=1", "-w", "/usr", "web", "sh", "-c", "id -u; echo $A; pwd"]) == "12\n1\n/usr\n")
        #expect(try succeed("exec", ["web", "sh", "-c", "echo kept > /kept"]).isEmpty)
        for (command, status) in [(["no-such"], 127), (["/etc"], 126), (["sh", "-c", "exit 9"], 9)] as [([String], Int32)] {
            #expect(try starling("exec", ["web"] + command).status == status)
        }
        #expect(try starling("rm", ["web"]).status == 1)
        #expect(try succeed("stop", ["web"]) == "web\n")
        #expect(try listed([]).isEmpty)
        #expect(try listed().first?["exitStatus"] == .integer(143))
        #expect(try starling("exec", ["web", "true"]).status == 125)
        #expect(try succeed("start", ["web"]) == "web\n")
        try waitUntil("it has written again") { try succeed("logs", ["web"]).hasSuffix("kept\n") }
        #expect(try succeed("kill", ["-s", "KILL", "web"]) == "web\n")
        #expect(try succeed("wait", ["web"]) == "137\n")
        #expect(try succeed("rm", ["web"]) == "web\n")
        try expectNothingLeft()
    }

    @Test("what cannot be started is told by the exit status, and is not there; a name that is taken is said at once")
    func refused() throws {
        for (command, status) in [("no-such-program", 127), ("/etc", 126)] as [(String, Int32)] {
            let result = try starling("run", ["-d", fixture.lazy, command])
            #expect(
                result.status == status && result.output.isEmpty && result.errorText.split(separator: "\n").count == 1,
                "\(result.errorText)")
        }
        // The runtime says no: nothing can be mounted there.
        let result = try starling("run", ["-d", "-v", "/etc:/etc/passwd/x", fixture.lazy, "true"])
        #expect(result.status != 0 && result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        #expect(try starling("run", ["-d", "\(fixture.registry.address)/no/such:image"]).status == 125)
        try expectNothingLeft()
        _ = try start(["--name", "mine"], "sleep 600")
        let again = try starling("run", ["--name", "mine", fixture.lazy, "true"])
        #expect(again.status == 125 && again.errorText.contains("mine") && again.errorText.split(separator: "\n").count == 1)
        #expect(try succeed("rm", ["-f", "mine"]) == "mine\n")
        for command in ["stop", "kill", "rm", "logs", "start", "wait"] {
            #expect(try starling(command, ["mine"]).status != 0, "\(command)")
        }
        try expectNothingLeft()
    }

    @Test("a container whose process is killed is ended by the next command, which records it; one that was to be removed is gone")
    func killed() throws {
        let kept = try start(["--name", "kept"], "sleep 600")
        let removed = try start(["--rm"], "sleep 600")
        for id in [kept, removed] {
            let owner = try #require(
                Int32(String(decoding: Files.read("\(root)/containers/\(id)/lock", limit: 32), as: UTF8.self).filter(\.isNumber)))
            #expect(kill(owner, SIGKILL) == 0)
            try waitUntil("it is dead") { kill(owner, 0) != 0 }
        }
        let all = try listed()
        #expect(all.map { $0["id"] } == [.string(kept)])
        #expect(all.first?["exitStatus"] == .integer(137) && all.first?["wasLost"] == .bool(true))
        #expect(try succeed("start", ["kept"]) == "kept\n")
        #expect(try succeed("exec", ["kept", "echo", "again"]) == "again\n")
        #expect(try succeed("rm", ["-f", "kept"]) == "kept\n")
        try expectNothingLeft()
    }

    @Test("logs are followed to the container's end; --rm removes it then")
    func follow() throws {
        let id = try start(["--rm"], "sleep 0.5; for i in 1 2 3; do echo $i; sleep 0.1; done")
        #expect(try succeed("logs", ["-f", id]) == "1\n2\n3\n")
        try expectNothingLeft()
    }

    @Test("who attaches types into the container, and gets its exit status")
    func attach() throws {
        let id = try start(["-i"], "read line; echo \"got $line\"; exit 6")
        let result = try Program.run(
            "/bin/sh", ["-c", "echo hello | exec \"$@\"", "sh", Places.product("starling"), "attach", "--root", root, id])
        #expect(result.status == 6 && result.outputText == "got hello\n", "\(result.errorText)")
        #expect(try succeed("rm", [id]) == id + "\n")
        let terminal = try start(["-it"], "tty; stty size; read line; stty size; exit 7")
        try waitUntil("it has written") { try succeed("logs", [terminal]).contains("24 80") }
        #expect(try succeed("logs", [terminal]).hasPrefix("/dev/pts/"))
        #expect(try succeed("rm", ["-f", terminal]) == terminal + "\n")
        try expectNothingLeft()
    }

    @Test("containers in the foreground stay, too, unless they are to be removed; others see and end them")
    func foreground() throws {
        #expect(try starling("run", ["--name", "short", fixture.lazy, "sh", "-c", "exit 4"]).status == 4)
        #expect(try listed().first?["exitStatus"] == .integer(4))
        #expect(try starling("logs", ["short"]).status == 1)
        let program = try Starling.start([
            "run", "--rm", "--name", "long", "--root", root, fixture.lazy, "sh", "-c", "echo ready; exec sleep 600",
        ])
        try waitUntil("the container is ready", deadline: .seconds(60)) { program.output == "ready\n" }
        #expect(try listed([]).map { $0["name"] } == [.string("long")])
        #expect(try succeed("exec", ["long", "cat", "/proc/1/comm"]) == "sleep\n")
        #expect(try succeed("stop", ["long"]) == "long\n")
        #expect(try program.wait() == 143)
        #expect(try succeed("rm", ["short"]) == "short\n")
        try expectNothingLeft()
    }

    @Test("images are listed, pulled whole, and removed with what only they have; one that a container needs stays")
    func images() throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(fixture.layout):latest", as: "own/python:plain")
        let reference = "\(registry.address)/own/python:plain"
        let digest = try succeed("pull", [reference])
        #expect(digest.hasPrefix(reference + " sha256:"))
        _ = try succeed("pull", ["--complete", fixture.lazy])
        let list = try Documents.decode(JSONValue.self, from: Array(succeed("images", ["--json"]).utf8), what: "images").array ?? []
        #expect(Set(list.compactMap { $0["reference"]?.string }) == [reference, fixture.lazy])
        #expect(try succeed("run", ["--pull", "never", "--name", "user", reference, "echo", "here"]) == "here\n")
        let refused = try starling("rmi", [reference])
        #expect(refused.status == 1 && refused.errorText.contains("user"), "\(refused.errorText)")
        #expect(try succeed("rm", ["user"]) == "user\n")
        #expect(try succeed("rmi", [reference]).hasPrefix("Untagged: \(reference)\nDeleted: sha256:"))
        #expect(try Files.entries(root + "/unpacked").isEmpty)
        let hex = try #require(list.first { $0["reference"] == .string(fixture.lazy) }?["digest"]?.string?.dropFirst(7).prefix(12))
        #expect(try succeed("rmi", [String(hex)]).contains("Deleted: "))
        #expect(try Files.entries(root + "/layers").isEmpty && succeed("images", ["-q"]).isEmpty)
        #expect(try starling("rmi", [reference]).status == 1)
        try expectNothingLeft()
    }
}
