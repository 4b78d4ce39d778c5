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
        #expect(try Files.entries(root + "/containers").isEmpty)
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(directory.path) })
        #expect(try containerControlGroups().isEmpty)
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
                let parent = root + "/containers"
                return try Files.exists(parent) && Files.entries(parent).contains { Files.exists("\(parent)/\($0)/upper/ready") }
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

    /// A container as a process leaves it that was killed while the container ran.
    private func abandon(_ id: String, removesAtEnd: Bool, name: String?) throws -> Int32 {
        let path = root + "/containers/" + id
        try Files.makeDirectories(path + "/rootfs")
        try AtomicFile.write([], to: path + "/lock")
        try Mounts.bind(lower, at: path + "/rootfs")
        try TestSupport.run("runc", ["spec", "--bundle", path])
        try TestSupport.run("sed", ["-i", "s/\"terminal\": true/\"terminal\": false/; s/\"sh\"/\"sleep\", \"60\"/", path + "/config.json"])
        try TestSupport.run("runc", ["--root", path + "/runtime", "run", "--detach", "--bundle", path, "--pid-file", path + "/pid", id])
        if let name { try ContainerNames(root: root).take(name, for: id) }
        let record = ContainerRecord(
            id: id, name: name, image: "image", imageDigest: "", command: ["sleep"], labels: [:], created: .now, removesAtEnd: removesAtEnd,
            keepsLog: false, terminal: false, readsInput: false, network: .host, ports: [], stopSignal: SIGTERM, runtime: "/usr/sbin/runc",
            arguments: [], directory: "/")
        try AtomicFile.write(Documents.encode(record), to: path + "/container.json")
        try AtomicFile.write(Documents.encode(ContainerState(started: .now)), to: path + "/state.json")
        return try #require(Int32(String(decoding: Files.read(path + "/pid", limit: 20), as: UTF8.self)))
    }

    @Test("what a killed process left is ended: forgotten when it was to be, else kept with what is known of its end; a living one stays")
    func reaping() throws {
        let runtime = try ContainerRuntime("runc")
        let alive = try Container(Container.Identity(image: "image"), root: root, runtime: runtime)
        let (forgotten, kept) = (ContainerID.make(), ContainerID.make())
        let processes = [
            try abandon(forgotten, removesAtEnd: true, name: "forgotten"), try abandon(kept, removesAtEnd: false, name: "kept"),
        ]
        let unborn = root + "/containers/" + ContainerID.make()
        try Files.makeDirectories(unborn + "/rootfs")
        try AtomicFile.write([], to: unborn + "/lock")
        let other = root + "/run/lazy-1"
        try Files.makeDirectories(other)
        try AtomicFile.write([], to: other + "/lock")
        let all = try Containers(root: root)
        #expect(try Files.entries(root + "/containers") == [alive.id, kept].sorted())
        #expect(try Files.entries(root + "/names") == ["kept"] && !Files.exists(other))
        let found = try all.find("kept")
        #expect(!found.isRunning && found.state.exitStatus == 137 && found.state.wasLost && found.record.id == kept)
        for process in processes { try waitUntil("the container has ended") { kill(process, 0) != 0 } }
        #expect(Files.exists(lower + "/etc/marker"), "what was mounted keeps its contents")
        try all.remove(found, force: false)
        try alive.end()
        try expectNothingLeft()
    }

    @Test("a container that is not forgotten can be found by name, id and beginning, and a name is one container's")
    func names() throws {
        let runner = try ContainerRunner(ContainerRunner.Options(root: root, runtime: "runc"))
        var identity = Container.Identity(image: "image")
        (identity.name, identity.removesAtEnd) = ("mine", false)
        let container = try runner.make(identity)
        let image = try Documents.decode(ImageConfig.self, from: Array(#"{"config":{}}"#.utf8), what: "test")
        let files = Container.RootFileSystem(config: image, digest: "", lowerDirectories: [lower])
        #expect(try container.run(files, ContainerSettings(command: ["sh", "-c", "echo x > /written; exit 3"]), signals: nil) == 3)
        try container.end()
        let all = try Containers(root: root)
        for text in ["mine", container.id, String(container.id.prefix(5))] { #expect(try all.find(text).state.exitStatus == 3) }
        for text in ["other", "zz", ""] { #expect(throws: ContainerError.noContainer(text)) { try all.find(text) } }
        #expect(Files.exists(root + "/containers/" + container.id + "/upper/written"))
        var second = Container.Identity(image: "image")
        second.name = "mine"
        #expect(throws: ContainerError.nameTaken("mine", by: container.id)) { try runner.make(second) }
        #expect(throws: ContainerError.noLog("mine")) { try all.readLog(of: all.find("mine"), Containers.LogWishes()) { _, _, _ in } }
        try all.remove(all.find("mine"), force: false)
        try runner.make(second).end()
        #expect(try Files.entries(root + "/names").isEmpty)
        try expectNothingLeft()
    }
}
