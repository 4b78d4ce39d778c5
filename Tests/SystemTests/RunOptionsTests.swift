import HostSystem
import TestSupport
import Testing

@Suite("docker's options of starling run, with a real registry and crun", .serialized)
struct RunOptionsTests {
    private let stage: ContainerStage
    private var fixture: SystemFixture { stage.fixture }
    private var root: String { stage.root }
    private var directory: TemporaryDirectory { stage.directory }

    init() throws { stage = try ContainerStage() }

    private func run(_ options: [String], _ command: [String], image: String? = nil) throws -> Program.Result {
        try stage.run("run", ["--rm"] + options + [image ?? fixture.lazy] + command)
    }

    private func shell(_ options: [String], _ script: String) throws -> String {
        let result = try run(options, ["sh", "-c", script])
        #expect(result.status == 0, "\(options): \(result.errorText)")
        #expect(try bundles(in: root).isEmpty)
        return result.outputText
    }

    @Test("a container without a network has a loopback that works, and a name and hosts of its own")
    func noNetwork() throws {
        let script =
            "ls /sys/class/net; grep -c localhost /etc/hosts; hostname | wc -c; "
            + "python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); socket.create_connection(s.getsockname())'"
        #expect(try shell(["--network", "none"], script) == "lo\n2\n13\n")
        let names = try shell(["--hostname", "nest", "--add-host", "a:192.0.2.1"], "hostname; echo $HOSTNAME; tail -n1 /etc/hosts")
        #expect(names == "nest\nnest\n192.0.2.1\ta\n")
    }

    @Test("docker's filter of system calls holds: no namespaces, no mounts, no keys; unconfined lets them")
    func seccomp() throws {
        let script = "unshare -U true 2>/dev/null && echo unshared; grep -E '^Seccomp:' /proc/self/status | tr -d '\\t'"
        #expect(try shell([], script) == "Seccomp:2\n")
        #expect(try shell(["--security-opt", "seccomp=unconfined"], script) == "unshared\nSeccomp:0\n")
        let profile = directory.path + "/profile.json"
        try AtomicFile.write(
            Array(#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}"#.utf8),
            to: profile)
        #expect(try run(["--security-opt", "seccomp=" + profile], ["mkdir", "/x"]).status == 1)
        // Threads, and whatever else Python does at its start and end.
        #expect(try shell([], "python3 -c 'import threading; t = threading.Thread(target=print, args=(1,)); t.start(); t.join()'") == "1\n")
    }

    @Test("capabilities, privileges and hidden paths are docker's, and what the options make of them")
    func privileges() throws {
        let script = "grep -E '^(CapEff|NoNewPrivs):' /proc/self/status | tr -d '\\t'; [ -e /proc/keys ] && wc -c < /proc/keys"
        #expect(try shell(["--cap-drop", "all", "--cap-add", "net_bind_service"], script) == "CapEff:0000000000000400\nNoNewPrivs:0\n0\n")
        let user = try shell(["-u", "12:13", "--security-opt", "no-new-privileges"], "id -u; id -g; " + script)
        #expect(user == "12\n13\nCapEff:0000000000000000\nNoNewPrivs:1\n0\n")
        let mounting = "mount -t tmpfs none /mnt && [ -w /proc/sys/kernel/hostname ] && echo yes; [ -e /dev/fuse ] && echo fuse"
        #expect(try shell(["--privileged"], mounting) == "yes\nfuse\n")
    }

    @Test("control groups limit memory, processors and processes; limits of processes hold")
    func limits() throws {
        // In the older hierarchy each kind has a directory of its own.
        let script =
            "cat $(ls /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max "
            + "/sys/fs/cgroup/pids.max 2>/dev/null); cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max; ulimit -n"
        #expect(
            try shell(["-m", "64m", "--cpus", "0.5", "--pids-limit", "20", "--ulimit", "nofile=100:200"], script)
                == "67108864\n20\n50000\n100\n")
        let result = try run(["-m", "32m"], ["python3", "-c", "x = bytearray(100 << 20)"])
        #expect(result.status == 137, "\(result.errorText)")
    }

    @Test("the host's files, volumes and memory are where they are mounted; a read-only root is one")
    func mounts() throws {
        let script =
            "touch /made/x && ls /kept; ! touch /x 2>/dev/null && ! touch /etc/hosts 2>/dev/null && ! touch /ro/y 2>/dev/null && "
            + "echo a > /tmp/a && df -k --output=size /tmp | tail -n1 | tr -d ' '"
        let options = ["--read-only", "--tmpfs", "/tmp:size=1m", "-v", "./made:/made", "-v", "kept:/kept", "-v", "./made:/ro:ro"]
        #expect(try shell(options + ["-v", "/usr/bin/env:/kept/env:ro"], script) == "env\n1024\n")
        #expect(Files.exists(directory.path + "/made/x"))
        // A new volume begins with the image's files, and is kept.
        let first = try shell(["-v", "settings:/etc/apt"], "ls /etc/apt && touch /etc/apt/new")
        #expect(first.contains("sources.list"))
        #expect(try shell(["--mount", "type=volume,source=settings,target=/x"], "ls /x").contains("new\n"))
        let missing = try run(["--mount", "type=bind,source=./nowhere,target=/x"], ["true"])
        #expect(missing.status == 125 && missing.errorText.contains("./nowhere") && !Files.exists(directory.path + "/nowhere"))
        #expect(try bundles(in: root).isEmpty)
    }

    @Test("variables come from the line, files and here; the entrypoint can be replaced; an init reaps; devices are passed on")
    func process() throws {
        try AtomicFile.write(Array("B=x y\nHOME\n".utf8), to: directory.path + "/variables")
        let result = try run(["-e", "A=1", "--env-file", "./variables", "--entrypoint", "/bin/sh"], ["-c", "echo $A $B"])
        #expect(result.outputText == "1 x y\n", "\(result.errorText)")
        #expect(try shell(["--init"], "cat /proc/1/comm") == "docker-init\n")
        #expect(try run(["--init"], ["sh", "-c", "exit 7"]).status == 7)
        #expect(try shell(["--device", "/dev/fuse:/dev/other"], "ls /dev/other") == "/dev/other\n")
        #expect(try shell(["-w", "/usr"], "pwd") == "/usr\n")
    }

    @Test("what the options cannot be is one line and 125, and no container was there")
    func refused() throws {
        for (option, value) in [
            ("--network", "what"), ("-m", "1m"), ("--cpus", "0"), ("--cap-add", "what"), ("-v", "a:b:c:d"), ("--security-opt", "what"),
            ("--security-opt", "seccomp=/no/such/file"), ("--security-opt", "apparmor=what"), ("--device", "/dev/what"),
            ("--platform", "x"),
            ("--ulimit", "what"), ("--add-host", "a"), ("--env-file", "/no/such/file"), ("--pull", "what"), ("--what", "x"),
        ] {
            let result = try run([option, value], ["true"])
            #expect(result.status == 125, "\(option) \(value)")
            #expect(result.output.isEmpty && result.errorText.split(separator: "\n").count == 1, "\(option) \(value): \(result.errorText)")
        }
        try stage.expectNothingLeft()
    }

    @Test("an image that was here before is started without the registry; always asks it, never refuses what is not known")
    func pull() throws {
        let registry = try RegistryServer()
        try registry.push("oci:\(fixture.layout):latest", as: "own/python:plain")
        let proxy = try CountingProxy(to: registry.port)
        let reference = "\(proxy.address)/own/python:plain"
        let unknown = try run(["--pull", "never"], ["true"], image: reference)
        #expect(unknown.status == 125 && unknown.errorText.contains(reference) && unknown.errorText.split(separator: "\n").count == 1)
        #expect(proxy.bytesDown == 0)
        #expect(try run([], ["true"], image: reference).status == 0)
        let bytes = proxy.bytesDown
        for policy in ["missing", "never"] { #expect(try run(["--pull", policy], ["true"], image: reference).status == 0) }
        #expect(proxy.bytesDown == bytes)
        #expect(try run(["--pull", "always"], ["true"], image: reference).status == 0)
        #expect(proxy.bytesDown > bytes)
    }

    @Test("layers that cannot be lazy are an error where they must be; lazy ones are unpacked where none may be")
    func lazy() throws {
        let refused = try run(["--lazy", "require"], ["true"], image: fixture.plain)
        #expect(refused.status == 125 && refused.errorText.contains("sha256:") && refused.errorText.split(separator: "\n").count == 1)
        let result = try run(["--lazy", "never"], ["stat", "-f", "-c", "%T", "/"])
        #expect(result.status == 0 && result.errorText.isEmpty, "\(result.errorText)")
        #expect(try Files.entries(root + "/unpacked").count == 1)
        #expect(try run(["--lazy", "require"], ["true"]).status == 0)
    }
}
