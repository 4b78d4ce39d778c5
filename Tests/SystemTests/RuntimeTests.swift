import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("containers by runc and by crun", .serialized)
struct RuntimeTests {
    private let stage: ContainerStage

    init() throws {
        for name in ["runc", "crun"] { try requireProgram(name) }
        stage = try ContainerStage()
    }

    @Test("a container is by one what it is by the other: its user, its limits, its mounts, what it may do, and how it ends")
    func same() throws {
        let script = """
            id; hostname; grep 'open files' /proc/self/limits; grep -e Cap -e Seccomp: -e NoNewPrivs /proc/self/status; cut -d' ' -f5 /proc/self/mountinfo | sort; \
            cat /proc/self/oom_score_adj /sys/fs/cgroup/memory/memory.limit_in_bytes; pwd; echo $HOME $PATH; exit 7
            """
        func result(_ runtime: String) throws -> Program.Result {
            let options = [
                "-u", "nobody:games", "-h", "inside", "--ulimit", "nofile=99:100", "--cap-drop", "CHOWN", "-m", "64m", "-w", "/srv",
            ]
            return try stage.run("run", ["--rm", "--runtime", runtime] + options + [stage.fixture.lazy, "sh", "-c", script])
        }
        let (runc, crun) = (try result("runc"), try result("crun"))
        #expect(runc.status == 7 && crun.status == 7, "\(runc.errorText)\(crun.errorText)")
        #expect(crun.outputText == runc.outputText && runc.outputText.contains("uid=65534(nobody) gid=60(games)"))
        for (command, status) in [(["no-such"], 127), (["/etc"], 126), (["sh", "-c", "exit 9"], 9)] as [([String], Int32)] {
            #expect(try stage.run("run", ["--rm", "--runtime", "crun", stage.fixture.lazy] + command).status == status)
        }
        try stage.expectNothingLeft()
    }

    @Test("crun comes first, and compiles a filter of system calls once")
    func compiledFilter() throws {
        let script = "grep -e Seccomp -e Specul /proc/self/status; unshare -U true 2>&1; sleep 600"
        func denied(_ name: String) throws -> String {
            #expect(try stage.run("run", ["-d", "--name", name, stage.fixture.lazy, "sh", "-c", script]).status == 0)
            try waitUntil("it has tried") { try stage.run("logs", [name]).outputText.contains("unshare") }
            return try stage.run("logs", [name]).outputText
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
        let inside = try stage.run("exec", ["second", "sh", "-c", "grep -e Seccomp /proc/self/status; unshare -U true"])
        #expect(inside.outputText.contains("Seccomp:\t2") && inside.errorText.contains("not permitted"), "\(inside.errorText)")
        // With other capabilities it is another filter.
        let options = ["--rm", "--cap-add", "SYS_ADMIN"]
        let other = try stage.run("run", options + [stage.fixture.lazy, "sh", "-c", "unshare -U true; sleep 0.1"])
        #expect(other.status == 0 && other.errorText.isEmpty, "\(other.errorText)")
        #expect(try Files.entries(stage.root + "/filters").count == 2)
        #expect(try stage.run("rm", ["-f", "first", "second"]).status == 0)
        try stage.expectNothingLeft()
    }

    @Test(
        "it goes on in the background, takes other processes in, ends when it is asked to, and starts again", arguments: ["runc", "crun"])
    func background(runtime: String) throws {
        let started = try stage.run(
            "run", ["-d", "--name", "web", "--runtime", runtime, stage.fixture.lazy, "sh", "-c", "echo out; cat /kept; exec sleep 600"])
        #expect(started.status == 0, "\(started.errorText)")
        let inside = try stage.run("exec", ["-u", "12:13", "-e", "A=1", "-w", "/usr", "web", "sh", "-c", "id -u; echo $A; pwd"])
        #expect(inside.status == 0 && inside.outputText == "12\n1\n/usr\n", "\(inside.errorText)")
        for (command, status) in [(["no-such"], 127), (["/etc"], 126), (["sh", "-c", "echo kept > /kept; exit 9"], 9)]
            as [([String], Int32)]
        {
            let result = try stage.run("exec", ["web"] + command)
            #expect(result.status == status, "\(result.errorText)")
        }
        #expect(try stage.run("stop", ["web"]).status == 0)
        #expect(try stage.run("start", ["web"]).status == 0)
        try waitUntil("it has what it had written") { try stage.run("logs", ["web"]).outputText == "out\nout\nkept\n" }
        #expect(try stage.run("kill", ["web"]).status == 0)
        #expect(try stage.run("wait", ["web"]).outputText == "137\n")
        #expect(try stage.run("rm", ["web"]).status == 0)
        try stage.expectNothingLeft()
    }

    @Test("a machine with control groups of the second kind alone runs containers by what runs there")
    func secondKind() throws {
        let script = #"umount -lR /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@""#
        let result = try Program.run(
            requireProgram("unshare"),
            [
                "-m", "sh", "-c", script, Places.product("starling"), "run", "--rm", "--root", stage.root, stage.fixture.lazy, "sh", "-c",
                "stat -fc %T /sys/fs/cgroup; head -c 3 /dev/zero | wc -c; mknod /disk b 7 0; cat /disk",
            ])
        #expect(result.outputText == "cgroup2fs\n3\n", "\(result.errorText)")
        #expect(result.errorText == "cat: /disk: Operation not permitted\n")
        try stage.expectNothingLeft()
    }

    @Test("signals reach it, and end what has no handler for them", arguments: ["runc", "crun"], [SIGTERM, SIGINT, SIGHUP])
    func signals(runtime: String, signal: Int32) throws {
        func status(_ name: String, _ script: String) throws -> Int32 {
            let program = try Starling.start([
                "run", "--rm", "--name", "signalled", "--root", stage.root, "--runtime", runtime, stage.fixture.lazy, "sh", "-c", script,
            ])
            // What the shell is about to become would not hear what the shell has heard.
            try waitUntil("the container is ready", deadline: .seconds(60)) {
                try program.output == "ready\n" && stage.run("exec", ["signalled", "cat", "/proc/1/comm"]).outputText == name + "\n"
            }
            program.kill(signal)
            return try program.wait()
        }
        #expect(try status("sleep", "echo ready; exec sleep 600") == 128 + signal)
        // Nothing is started meanwhile: Debian's sh forgets signals that come while it does.
        #expect(try status("sh", "trap 'exit 9' TERM INT HUP; echo ready; while :; do :; done") == 9)
        try stage.expectNothingLeft()
    }

    @Test("its terminal has a size from the beginning, and what is typed reaches it", arguments: ["runc", "crun"])
    func terminal(runtime: String) throws {
        let script = "stty size; read line; stty size; echo \"got $line\"; exit 7"
        let id = try stage.start(["-it", "--runtime", runtime], script)
        try waitUntil("it has written") { try stage.succeed("logs", [id]).contains("24 80") }
        let attached = try OpenTerminal(rows: 20, columns: 70)
        let attaching = try attached.start(["attach", "--root", stage.root, id])
        try waitUntil("it has heard of the size of who is attached") {
            try stage.run("exec", [id, "sh", "-c", "stty size < /proc/1/fd/0"]).outputText == "20 70\n"
        }
        #expect(write(attached.master, "ho\n", 3) == 3)
        #expect(try attaching.wait() == 7)
        #expect(attached.output.contains("20 70") && attached.output.contains("got ho"), "\(attached.output)")
        #expect(try stage.succeed("rm", ["-f", id]) == id + "\n")
        let terminal = try OpenTerminal(rows: 33, columns: 99)
        let program = try terminal.start(
            ["run", "--rm", "-it", "--name", "web", "--root", stage.root, "--runtime", runtime, stage.fixture.lazy, "sh", "-c", script])
        try waitUntil("it has written", deadline: .seconds(60)) { terminal.output.contains("33 99") }
        let other = try OpenTerminal(rows: 11, columns: 22)
        let inside = try other.start(["exec", "-it", "--root", stage.root, "web", "sh", "-c", script])
        try waitUntil("the other has written") { other.output.contains("11 22") }
        other.resize(inside, rows: 12, columns: 23)
        try waitUntil("the other has heard of its terminal's new size") {
            try stage.run("exec", ["web", "sh", "-c", "for tty in /dev/pts/[0-9]*; do stty size < $tty; done"]).outputText.contains(
                "12 23\n")
        }
        #expect(write(other.master, "bye\n", 4) == 4)
        #expect(try inside.wait() == 7)
        #expect(other.output.contains("12 23") && other.output.contains("got bye"), "\(other.output)")
        terminal.resize(program, rows: 40, columns: 100)
        try waitUntil("the container has heard of its terminal's new size") {
            try stage.run("exec", ["web", "sh", "-c", "stty size < /proc/1/fd/0"]).outputText == "40 100\n"
        }
        #expect(write(terminal.master, "hello\n", 6) == 6)
        #expect(try program.wait() == 7)
        #expect(terminal.output.contains("40 100") && terminal.output.contains("got hello"), "\(terminal.output)")
        try stage.expectNothingLeft()
    }
}

/// A terminal at whose other side a test sits.
private final class OpenTerminal {
    let master: Int32
    let slave: Int32
    private var bytes: [UInt8] = []

    init(rows: UInt16, columns: UInt16) throws {
        (master, slave) = try PseudoTerminal.open()
        PseudoTerminal.setSize(of: slave, rows: rows, columns: columns)
    }

    deinit {
        close(master)
        close(slave)
    }

    /// Starts the command line under test on it.
    func start(_ arguments: [String]) throws -> ChildProcess {
        try ChildProcess(
            Places.product("starling"), arguments,
            ChildProcess.Options(input: .descriptor(slave), output: .descriptor(slave), error: .descriptor(slave), newProcessGroup: true))
    }

    /// Makes it another size, and says so as the kernel says it to a session's programs.
    func resize(_ program: ChildProcess, rows: UInt16, columns: UInt16) {
        PseudoTerminal.setSize(of: slave, rows: rows, columns: columns)
        program.kill(SIGWINCH)
    }

    /// All that was written to it until now.
    var output: String {
        var facts = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while poll(&facts, 1, 0) > 0, case let count = read(master, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
