import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("containers by crun", .serialized)
struct CrunTests {
    private let stage: ContainerStage

    init() throws {
        try requireProgram("crun")
        stage = try ContainerStage()
    }

    /// Debian 12's crun refuses a machine with both kinds of control groups where the new one has controllers, so it sees the old one only.
    private func run(_ command: String, _ arguments: [String]) throws -> Program.Result {
        let script = #"umount /sys/fs/cgroup/unified 2>/dev/null; exec "$0" "$@""#
        return try Program.run(
            requireProgram("unshare"), ["-m", "sh", "-c", script, Places.product("starling"), command, "--root", stage.root] + arguments,
            deadline: .seconds(120))
    }

    @Test("a container is by crun what it is by runc: its user, its limits, its mounts, what it may do, and how it ends")
    func same() throws {
        let script = """
            id; hostname; grep 'open files' /proc/self/limits; grep -e Cap -e Seccomp: -e NoNewPrivs /proc/self/status; cut -d' ' -f5 /proc/self/mountinfo | sort; \
            cat /proc/self/oom_score_adj /sys/fs/cgroup/memory/memory.limit_in_bytes; pwd; echo $HOME $PATH; exit 7
            """
        func result(_ runtime: String) throws -> Program.Result {
            let options = [
                "-u", "nobody:games", "-h", "inside", "--ulimit", "nofile=99:100", "--cap-drop", "CHOWN", "-m", "64m", "-w", "/srv",
            ]
            return try run("run", ["--rm", "--runtime", runtime] + options + [stage.fixture.lazy, "sh", "-c", script])
        }
        let (runc, crun) = (try result("runc"), try result("crun"))
        #expect(runc.status == 7 && crun.status == 7, "\(runc.errorText)\(crun.errorText)")
        #expect(crun.outputText == runc.outputText && runc.outputText.contains("uid=65534(nobody) gid=60(games)"))
        for (command, status) in [(["no-such"], 127), (["/etc"], 126), (["sh", "-c", "exit 9"], 9)] as [([String], Int32)] {
            #expect(try run("run", ["--rm", "--runtime", "crun", stage.fixture.lazy] + command).status == status)
        }
        try stage.expectNothingLeft()
    }

    @Test("it compiles a filter of system calls once")
    func compiledFilter() throws {
        let script = "grep -e Seccomp -e Specul /proc/self/status; unshare -U true 2>&1; sleep 600"
        func denied(_ name: String) throws -> String {
            #expect(try run("run", ["-d", "--name", name, "--runtime", "crun", stage.fixture.lazy, "sh", "-c", script]).status == 0)
            try waitUntil("it has tried") { try run("logs", [name]).outputText.contains("unshare") }
            return try run("logs", [name]).outputText
        }
        func document(_ name: String, _ file: String) throws -> JSONValue {
            let path = "\(stage.root)/names/\(name)/\(file)"
            return try Documents.decode(JSONValue.self, from: Files.read(path, limit: 1 << 20), what: path)
        }
        let first = try denied("first")
        #expect(first.contains("Seccomp:\t2") && first.contains("not permitted"), "\(first)")
        #expect(try document("first", "container.json")["runtime"]?.string?.hasSuffix("/crun") == true)
        #expect(try document("first", "config.json")["annotations"] == nil)
        try waitUntil("the filter is kept") { (try? Files.entries(stage.root + "/filters"))?.count == 1 }
        #expect(try denied("second") == first)
        #expect(try document("second", "config.json")["annotations"]?["run.oci.seccomp_bpf_data"] != nil)
        let inside = try run("exec", ["second", "sh", "-c", "grep -e Seccomp /proc/self/status; unshare -U true"])
        #expect(inside.outputText.contains("Seccomp:\t2") && inside.errorText.contains("not permitted"), "\(inside.errorText)")
        // With other capabilities it is another filter.
        let options = ["--rm", "--runtime", "crun", "--cap-add", "SYS_ADMIN"]
        let other = try run("run", options + [stage.fixture.lazy, "sh", "-c", "unshare -U true; sleep 0.1"])
        #expect(other.status == 0 && other.errorText.isEmpty, "\(other.errorText)")
        #expect(try Files.entries(stage.root + "/filters").count == 2)
        #expect(try run("rm", ["-f", "first", "second"]).status == 0)
        try stage.expectNothingLeft()
    }

    @Test("it goes on in the background, takes other processes in, ends when it is asked to, and starts again")
    func background() throws {
        let started = try run(
            "run", ["-d", "--name", "web", "--runtime", "crun", stage.fixture.lazy, "sh", "-c", "echo out; cat /kept; exec sleep 600"])
        #expect(started.status == 0, "\(started.errorText)")
        let inside = try run("exec", ["-u", "12:13", "-e", "A=1", "-w", "/usr", "web", "sh", "-c", "id -u; echo $A; pwd"])
        #expect(inside.status == 0 && inside.outputText == "12\n1\n/usr\n", "\(inside.errorText)")
        for (command, status) in [(["no-such"], 127), (["/etc"], 126), (["sh", "-c", "echo kept > /kept; exit 9"], 9)]
            as [([String], Int32)]
        {
            let result = try run("exec", ["web"] + command)
            #expect(result.status == status, "\(result.errorText)")
        }
        #expect(try run("stop", ["web"]).status == 0)
        #expect(try run("start", ["web"]).status == 0)
        try waitUntil("it has what it had written") { try run("logs", ["web"]).outputText == "out\nout\nkept\n" }
        #expect(try run("kill", ["web"]).status == 0)
        #expect(try run("wait", ["web"]).outputText == "137\n")
        #expect(try run("rm", ["web"]).status == 0)
        try stage.expectNothingLeft()
    }
}
