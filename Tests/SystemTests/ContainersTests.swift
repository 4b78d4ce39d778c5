import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("containers in the background, with a real registry and crun", .serialized)
struct ContainersTests {
    private let stage: ContainerStage
    private var fixture: SystemFixture { stage.fixture }

    init() throws { stage = try ContainerStage() }

    @Test("a container runs on, is listed, answers exec, has a log, ends when it is asked to, starts again with its files, and goes")
    func life() throws {
        let id = try stage.start(
            ["--name", "web", "-l", "a=b", "--cidfile", stage.directory.path + "/id"], "echo out; echo err >&2; cat /kept; exec sleep 600")
        #expect(id.utf8.count == 64)
        #expect(try Files.read(stage.directory.path + "/id", limit: 100) == Array(id.utf8))
        let one = try #require(try stage.listed([]).first)
        #expect(one["id"] == .string(id) && one["name"] == .string("web") && one["status"] == .string("running"))
        #expect(one["labels"]?["a"] == .string("b"))
        #expect(try stage.succeed("ps").contains(id.prefix(12)))
        try waitUntil("it has written") { try stage.run("logs", ["web"]).errorText.contains("err\n") }
        #expect(try stage.run("logs", [String(id.prefix(8))]).outputText == "out\n")
        let stamped = try stage.run("logs", ["-t", "web"]).outputText
        #expect(stamped.hasPrefix("20") && stamped.hasSuffix("Z out\n"), "\(stamped)")
        #expect(
            try stage.succeed("exec", ["-u", "12:13", "-e", "A=1", "-w", "/usr", "web", "sh", "-c", "id -u; echo $A; pwd"])
                == "12\n1\n/usr\n")
        #expect(try stage.succeed("exec", ["web", "sh", "-c", "echo kept > /kept"]).isEmpty)
        for (command, status) in [(["no-such"], 127), (["/etc"], 126), (["sh", "-c", "exit 9"], 9)] as [([String], Int32)] {
            #expect(try stage.run("exec", ["web"] + command).status == status)
        }
        #expect(try stage.run("rm", ["web"]).status == 1)
        #expect(try stage.succeed("stop", ["web"]) == "web\n")
        #expect(try stage.listed([]).isEmpty)
        #expect(try stage.listed().first?["exitStatus"] == .integer(143))
        #expect(try stage.run("exec", ["web", "true"]).status == 125)
        #expect(try stage.succeed("start", ["web"]) == "web\n")
        try waitUntil("it has written again") { try stage.succeed("logs", ["web"]).hasSuffix("kept\n") }
        #expect(try stage.succeed("kill", ["-s", "KILL", "web"]) == "web\n")
        #expect(try stage.succeed("wait", ["web"]) == "137\n")
        #expect(try stage.succeed("rm", ["web"]) == "web\n")
        try stage.expectNothingLeft()
    }

    @Test("whoever waits for a container hears how it ended, also when it is removed then", arguments: [[], ["--rm"]])
    func wait(options: [String]) throws {
        let id = try stage.start(options, "sleep 1; exit 7")
        #expect(try stage.succeed("wait", [id]) == "7\n")
        if options.isEmpty { #expect(try stage.succeed("rm", [id]) == "\(id)\n") }
        let killed = try stage.start(["--rm"], "exec sleep 600")
        let waiting = try ChildProcess("sh", ["-c", "sleep 1; kill -9 $(head -n 1 \(stage.root)/containers/\(killed)/lock)"])
        #expect(try stage.succeed("wait", [killed]) == "137\n")
        _ = try waiting.wait()
        try stage.expectNothingLeft()
    }

    @Test("nobody else on the machine reaches what a container of root has written, so no set-user-id file of it is the machine's")
    func shut() throws {
        let id = try stage.start(
            ["--rm", "-v", "data:/data"], "cp /bin/true /suid; cp /bin/true /data; chmod 4755 /suid /data/true; exec sleep 600")
        let files = ["containers/\(id)/upper/suid", "volumes/data/true"].map { "\(stage.root)/\($0)" }
        try waitUntil("it has written") { files.allSatisfy(Files.exists) }
        for place in ["containers/\(id)", "volumes"] {
            var facts = stat()
            #expect(stat("\(stage.root)/\(place)", &facts) == 0 && facts.st_mode & 0o077 == 0, "\(place)")
        }
        #expect(try stage.succeed("rm", ["-f", id]) == "\(id)\n")
        try stage.expectNothingLeft()
    }

    @Test("what cannot be started is told by the exit status, and is not there; a name that is taken is said at once")
    func refused() throws {
        for (command, status) in [("no-such-program", 127), ("/etc", 126)] as [(String, Int32)] {
            let result = try stage.run("run", ["-d", fixture.lazy, command])
            #expect(
                result.status == status && result.output.isEmpty && result.errorText.split(separator: "\n").count == 1,
                "\(result.errorText)")
        }
        // The runtime says no: nothing can be mounted there.
        let result = try stage.run("run", ["-d", "-v", "/etc:/etc/passwd/x", fixture.lazy, "true"])
        #expect(result.status != 0 && result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        #expect(try stage.run("run", ["-d", "\(fixture.registry.address)/no/such:image"]).status == 125)
        try stage.expectNothingLeft()
        _ = try stage.start(["--name", "mine"], "sleep 600")
        let again = try stage.run("run", ["--name", "mine", fixture.lazy, "true"])
        #expect(again.status == 125 && again.errorText.contains("mine") && again.errorText.split(separator: "\n").count == 1)
        #expect(try stage.succeed("rm", ["-f", "mine"]) == "mine\n")
        for command in ["stop", "kill", "rm", "logs", "start", "wait"] {
            #expect(try stage.run(command, ["mine"]).status != 0, "\(command)")
        }
        try stage.expectNothingLeft()
    }

    @Test("a container whose process is killed is ended by the next command, which records it; one that was to be removed is gone")
    func killed() throws {
        let kept = try stage.start(["--name", "kept"], "sleep 600")
        let removed = try stage.start(["--rm"], "sleep 600")
        for id in [kept, removed] { try stage.killProcess(of: id) }
        let all = try stage.listed()
        #expect(all.map { $0["id"] } == [.string(kept)])
        #expect(all.first?["exitStatus"] == .integer(137) && all.first?["wasLost"] == .bool(true))
        #expect(try stage.succeed("start", ["kept"]) == "kept\n")
        #expect(try stage.succeed("exec", ["kept", "echo", "again"]) == "again\n")
        #expect(try stage.succeed("rm", ["-f", "kept"]) == "kept\n")
        try stage.expectNothingLeft()
    }

    @Test("logs are followed to the container's end; --rm removes it then")
    func follow() throws {
        let id = try stage.start(["--rm"], "sleep 0.5; for i in 1 2 3; do echo $i; sleep 0.1; done")
        #expect(try stage.succeed("logs", ["-f", id]) == "1\n2\n3\n")
        try stage.expectNothingLeft()
    }

    @Test("who attaches types into the container, and gets its exit status")
    func attach() throws {
        let id = try stage.start(["-i"], "read line; echo \"got $line\"; exit 6")
        let result = try Program.run(
            "/bin/sh", ["-c", "echo hello | exec \"$@\"", "sh", Places.product("starling"), "attach", "--root", stage.root, id])
        #expect(result.status == 6 && result.outputText == "got hello\n", "\(result.errorText)")
        #expect(try stage.succeed("rm", [id]) == id + "\n")
        let terminal = try stage.start(["-it"], "tty; stty size; read line; stty size; exit 7")
        try waitUntil("it has written") { try stage.succeed("logs", [terminal]).contains("24 80") }
        #expect(try stage.succeed("logs", [terminal]).hasPrefix("/dev/pts/"))
        #expect(try stage.succeed("rm", ["-f", terminal]) == terminal + "\n")
        try stage.expectNothingLeft()
    }

    @Test("containers in the foreground stay, too, unless they are to be removed; others see and end them")
    func foreground() throws {
        #expect(try stage.run("run", ["--name", "short", fixture.lazy, "sh", "-c", "exit 4"]).status == 4)
        #expect(try stage.listed().first?["exitStatus"] == .integer(4))
        #expect(try stage.run("logs", ["short"]).status == 1)
        let program = try Starling.start([
            "run", "--rm", "--name", "long", "--root", stage.root, fixture.lazy, "sh", "-c", "echo ready; exec sleep 600",
        ])
        try waitUntil("the container is ready", deadline: .seconds(60)) { program.output == "ready\n" }
        #expect(try stage.listed([]).map { $0["name"] } == [.string("long")])
        #expect(try stage.succeed("exec", ["long", "cat", "/proc/1/comm"]) == "sleep\n")
        #expect(try stage.succeed("stop", ["long"]) == "long\n")
        #expect(try program.wait() == 143)
        #expect(try stage.succeed("rm", ["short"]) == "short\n")
        try stage.expectNothingLeft()
    }

    @Test("images are listed, pulled whole, and removed with what only they have; one that a container needs stays")
    func images() throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(fixture.layout):latest", as: "own/python:plain")
        let reference = "\(registry.address)/own/python:plain"
        let digest = try stage.succeed("pull", [reference])
        #expect(digest.hasPrefix(reference + " sha256:"))
        _ = try stage.succeed("pull", ["--complete", fixture.lazy])
        let list = try Documents.decode(JSONValue.self, from: Array(stage.succeed("images", ["--json"]).utf8), what: "images").array ?? []
        #expect(Set(list.compactMap { $0["reference"]?.string }) == [reference, fixture.lazy])
        #expect(try stage.succeed("run", ["--pull", "never", "--name", "user", reference, "echo", "here"]) == "here\n")
        let refused = try stage.run("rmi", [reference])
        #expect(refused.status == 1 && refused.errorText.contains("user"), "\(refused.errorText)")
        #expect(try stage.succeed("rm", ["user"]) == "user\n")
        #expect(try stage.succeed("rmi", [reference]).hasPrefix("Untagged: \(reference)\nDeleted: sha256:"))
        #expect(try Files.entries(stage.root + "/unpacked").isEmpty)
        let hex = try #require(list.first { $0["reference"] == .string(fixture.lazy) }?["digest"]?.string?.dropFirst(7).prefix(12))
        #expect(try stage.succeed("rmi", [String(hex)]).contains("Deleted: "))
        #expect(try Files.entries(stage.root + "/layers").isEmpty && stage.succeed("images", ["-q"]).isEmpty)
        #expect(try stage.run("rmi", [reference]).status == 1)
        try stage.expectNothingLeft()
    }
}
