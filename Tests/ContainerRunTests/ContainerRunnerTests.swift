import Glibc
import HostSystem
import OCI
import TestSupport
import Testing

@testable import ContainerRun

/// Real containers by runc. Only their exit status can be seen here, so they check themselves.
@Suite("Running containers", .serialized)
struct ContainerRunnerTests {
    private let directory: TemporaryDirectory
    private let lower: String
    private let root: String

    init() throws {
        try requireRoot()
        try requireProgram("runc")
        directory = try TemporaryDirectory()
        lower = directory.path + "/lower"
        root = directory.path + "/state"
        try TestImages.busyboxRoot(
            lower,
            files: [
                TestImages.File("bin/broken", "#!/no/such/interpreter\n", mode: 0o755), TestImages.File("etc/marker", "from below\n"),
            ])
    }

    private func run(
        _ command: [String], _ execution: String = "{}", lowers: [String]? = nil, user: String? = nil, workingDirectory: String? = nil,
        signals: SignalForwarder? = nil, onStart: () -> Void = {}
    ) throws -> Int32 {
        let image = try Documents.decode(ImageConfig.self, from: Array(#"{"config":\#(execution)}"#.utf8), what: "test")
        return try ContainerRunner(ContainerRunner.Options(root: root, runtime: "runc")).run(
            image, name: "image", lowerDirectories: lowers ?? [lower],
            settings: ContainerSettings(command: command, user: user, workingDirectory: workingDirectory, hostname: "nest"),
            signals: signals,
            onStart: onStart)
    }

    private func expectNothingLeft() throws {
        #expect(try Files.entries(root + "/run").isEmpty)
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(directory.path) })
        #expect(try TestSupport.run("find", ["/sys/fs/cgroup", "-name", "starling-*"]).outputText.isEmpty)
    }

    @Test("the exit status is the container's", arguments: [0, 7, 255] as [Int32])
    func exitStatus(status: Int32) throws {
        #expect(try run(["sh", "-c", "exit \(status)"]) == status)
        try expectNothingLeft()
    }

    @Test(
        "a container finds what docker would give it",
        arguments: [
            #"[ "$(id -u):$(id -g)" = 0:0 ]"#, #"[ "$(hostname)" = nest ] && [ "$HOSTNAME" = nest ]"#, #"[ "$(pwd)" = / ]"#,
            #"[ "$(cat /etc/hostname)" = nest ] && [ -s /etc/hosts ] && [ -f /etc/resolv.conf ]"#, "echo x > /etc/hosts",
            "echo x > /etc/marker && touch /new", "[ $$ = 1 ]", "[ -c /dev/null ] && [ -e /dev/pts/ptmx ] && [ -d /dev/shm ]",
            "! mount -t tmpfs tmpfs /tmp 2>/dev/null", "! touch /proc/sys/x 2>/dev/null", "[ ! -s /proc/kcore ]",
            #"[ "$PATH" = /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ]"#, "grep -q 00000000a80425fb /proc/self/status",
        ])
    func surroundings(check: String) throws {
        #expect(try run(["sh", "-c", check]) == 0)
    }

    @Test("user, working directory and environment of the image are the container's")
    func imageDefaults() throws {
        let execution = #"{"User":"worker","WorkingDir":"/new/place","Env":["A=b"],"Entrypoint":["sh","-c"],"Cmd":["exit 9"]}"#
        #expect(try run([], execution) == 9)
        let check = #"[ "$(id -u) $(id -g) $(id -G)" = "1000 1001 1001 29" ] && [ "$(pwd)" = /new/place ] && [ $A = b ]"#
        #expect(try run([check], execution) == 0)
        #expect(try run([#"[ "$(id -u) $(id -g)" = "12 13" ]"#], execution, user: "12:13") == 0)
        #expect(!Files.exists(lower + "/new"), "the layers stay as they are")
    }

    @Test("upper layers cover lower ones")
    func layers() throws {
        let upper = directory.path + "/upper"
        try Files.makeDirectories(upper + "/etc")
        try AtomicFile.write(Array("from above\n".utf8), to: upper + "/etc/marker")
        #expect(try run(["grep", "-q", "from above", "/etc/marker"], lowers: [upper, lower]) == 0)
    }

    @Test("a command that is not there ends with 127, one that cannot be executed with 126")
    func missingCommand() throws {
        #expect(throws: ContainerError.commandNotFound("nope", image: "image")) { try run(["nope"]) }
        #expect(throws: ContainerError.commandNotExecutable("/etc", image: "image", reason: "it is a directory")) { try run(["/etc"]) }
        #expect(throws: ContainerError.commandNotExecutable("/etc/marker", image: "image", reason: "permission denied")) {
            try run(["/etc/marker"])
        }
        #expect(throws: ContainerError.unknownUser("ghost", image: "image")) { try run(["sh"], user: "ghost") }
        #expect(try run(["/bin/broken"]) != 0)
        try expectNothingLeft()
    }

    @Test("a layer that is not there is an error that names it, and nothing is left")
    func missingLayer() throws {
        let error = #expect(throws: HostError.self) { try run(["sh"], lowers: [directory.path + "/gone"]) }
        #expect(error?.description.contains("overlay") == true)
        try expectNothingLeft()
    }

    @Test(
        "a signal ends a container that handles it its own way, and one that does not",
        arguments: [("trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done", 5), ("touch /ready; exec sleep 60", 143)]
            as [(String, Int32)])
    func signals(script: String, expected: Int32) throws {
        let forwarder = try SignalForwarder()
        let root = root
        let killer = Task.detached {
            try waitUntil("the container is ready") {
                try Files.exists(root + "/run") && Files.entries(root + "/run").contains { Files.exists("\(root)/run/\($0)/upper/ready") }
            }
            kill(getpid(), SIGTERM)
        }
        #expect(try run(["sh", "-c", script], signals: forwarder) == expected)
        killer.cancel()
        try expectNothingLeft()
    }

    @Test("a signal that comes before the container is started ends it all the same")
    func earlySignal() throws {
        let forwarder = try SignalForwarder()
        #expect(try run(["sleep", "60"], signals: forwarder) { kill(getpid(), SIGINT) } == 130)
        try expectNothingLeft()
    }

    @Test("what a killed run left, container and mounts included, is removed by the next; a living run stays")
    func reaping() throws {
        let runtime = try ContainerRuntime("runc")
        let alive = try ContainerBundle(root: root, runtime: runtime)
        let dead = root + "/run/dead"
        try Files.makeDirectories(dead + "/rootfs")
        try AtomicFile.write([], to: dead + "/lock")
        try Mounts.bind(lower, at: dead + "/rootfs")
        let config = try Program.run("runc", ["spec", "--bundle", dead])
        try #require(config.status == 0)
        try TestSupport.run("sed", ["-i", "s/\"terminal\": true/\"terminal\": false/; s/\"sh\"/\"sleep\", \"60\"/", dead + "/config.json"])
        try TestSupport.run(
            "runc", ["--root", dead + "/runtime", "run", "--detach", "--bundle", dead, "--pid-file", dead + "/pid", "dead"])
        let process = try #require(Int32(String(decoding: Files.read(dead + "/pid", limit: 20), as: UTF8.self)))
        try BundleReaper(root: root, runtime: runtime).reap()
        #expect(try Files.entries(root + "/run") == [alive.id])
        try waitUntil("the container has ended") { kill(process, 0) != 0 }
        #expect(Files.exists(lower + "/etc/marker"), "what was mounted keeps its contents")
        try alive.remove()
        try expectNothingLeft()
    }
}
