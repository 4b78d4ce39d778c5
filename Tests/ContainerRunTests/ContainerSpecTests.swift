import HostSystem
import OCI
import TestSupport
import Testing

@testable import ContainerRun

@Suite("The runtime configuration of a container")
struct ContainerSpecTests {
    private let directory: TemporaryDirectory
    private let root: RootedDirectory

    init() throws {
        directory = try TemporaryDirectory()
        root = try RootedDirectory(directory.path)
    }

    private func image(_ execution: String) throws -> ImageConfig {
        try Documents.decode(ImageConfig.self, from: Array(#"{"config":\#(execution)}"#.utf8), what: "test")
    }

    private func spec(_ execution: String, _ settings: ContainerSettings = ContainerSettings()) throws -> ContainerSpec {
        try ContainerSpec(image: image(execution), name: "image", settings: settings, root: root, hostname: "host", containerID: "id")
    }

    @Test(
        "a command replaces Cmd and keeps Entrypoint",
        arguments: [
            (#"{"Cmd":["a","b"]}"#, [], ["a", "b"]), (#"{"Cmd":["a","b"]}"#, ["c"], ["c"]),
            (#"{"Entrypoint":["e","f"],"Cmd":["a"]}"#, [], ["e", "f", "a"]),
            (#"{"Entrypoint":["e"],"Cmd":["a"]}"#, ["c", "d"], ["e", "c", "d"]),
            (#"{"Entrypoint":["e"]}"#, [], ["e"]), ("{}", ["c"], ["c"]), ("null", ["c"], ["c"]),
        ] as [(String, [String], [String])])
    func arguments(execution: String, command: [String], expected: [String]) throws {
        #expect(try spec(execution, ContainerSettings(command: command)).arguments == expected)
    }

    @Test("an image that says nothing to run needs a command", arguments: ["{}", #"{"Entrypoint":[],"Cmd":[]}"#, #"{"Cmd":[""]}"#])
    func noCommand(execution: String) {
        #expect(throws: ContainerError.noCommand(image: "image")) { try spec(execution) }
    }

    @Test("the environment has docker's defaults below the image's and the command line's")
    func environment() throws {
        let plain = try spec(#"{"Cmd":["a"]}"#)
        #expect(plain.environment == ["PATH=" + ContainerSpec.defaultPath, "HOSTNAME=host"])
        let full = try spec(
            #"{"Cmd":["a"],"Env":["PATH=/bin","A=1","B=x=y","A=2"]}"#, ContainerSettings(environment: ["B=3", "C="], terminal: true))
        #expect(full.environment == ["PATH=/bin", "HOSTNAME=host", "TERM=xterm", "A=2", "B=3", "C="])
    }

    @Test("a working directory must be absolute")
    func workingDirectory() throws {
        #expect(try spec(#"{"Cmd":["a"]}"#).workingDirectory == "/")
        #expect(try spec(#"{"Cmd":["a"],"WorkingDir":"/srv"}"#).workingDirectory == "/srv")
        #expect(throws: ContainerError.workingDirectory("srv", image: "image")) { try spec(#"{"Cmd":["a"],"WorkingDir":"srv"}"#) }
    }

    @Test("the document has what docker gives, without a network namespace, and is the same every time")
    func document() throws {
        let spec = try spec(#"{"Cmd":["a"]}"#, ContainerSettings(user: "5:6"))
        var machine = Machine(maximumOpenFiles: 4096)
        let surroundings = ContainerSpec.Surroundings(mounts: [
            .bind("/from", "/etc/hosts", readOnly: true), .bind("/other", "/sys/fs/cgroup"),
        ])
        let json = spec.json(on: machine, surroundings)
        #expect(json == spec.json(on: machine, surroundings))
        #expect(json["process"]?["user"]?["uid"] == .integer(5) && json["process"]?["user"]?["gid"] == .integer(6))
        #expect(json["process"]?["noNewPrivileges"] == .bool(false))
        #expect(json["process"]?["capabilities"]?["bounding"]?.array?.count == 14)
        #expect(json["process"]?["capabilities"]?["effective"] == nil, "who is not root has what execve leaves")
        #expect(json["process"]?["capabilities"]?["inheritable"] == nil)
        #expect(json["linux"]?["namespaces"]?.array?.compactMap { $0["type"]?.string } == ["pid", "ipc", "uts", "mount"])
        #expect(json["linux"]?["cgroupsPath"] == .string("/starling-id"))
        let mounts = json["mounts"]?.array ?? []
        let bind = mounts.first { $0["destination"] == .string("/etc/hosts") }
        #expect(bind?["source"] == .string("/from") && bind?["options"]?.array?.contains(.string("ro")) == true)
        #expect(mounts.filter { $0["destination"] == .string("/sys/fs/cgroup") }.map { $0["source"] } == [.string("/other")])
        let places = mounts.compactMap { $0["destination"]?.string }
        #expect(try #require(places.firstIndex(of: "/dev")) < #require(places.firstIndex(of: "/dev/pts")))
        #expect(json["process"]?["rlimits"]?.array?.first?["hard"] == .integer(4096))
        machine.hasUnifiedCgroups = true
        let unified = spec.json(on: machine)
        #expect(unified["linux"]?["namespaces"]?.array?.compactMap { $0["type"]?.string }.last == "cgroup")
    }

    private func document(
        _ change: (inout ContainerSettings) -> Void, _ surroundings: ContainerSpec.Surroundings = .init()
    ) throws -> JSONValue {
        var settings = ContainerSettings(command: ["a", "b"])
        change(&settings)
        return try spec("{}", settings).json(on: Machine(limitsSwap: true), surroundings)
    }

    @Test("a privileged container has every capability, and sees and turns everything")
    func privileged() throws {
        let json = try document { $0.security.isPrivileged = true }
        #expect(json["process"]?["capabilities"]?["effective"]?.array?.count == Capabilities.all.count)
        #expect(json["linux"]?["maskedPaths"]?.array == [] && json["linux"]?["readonlyPaths"]?.array == [])
        #expect(json["linux"]?["resources"]?["devices"]?.array?.first?["allow"] == .bool(true))
        let system = json["mounts"]?.array?.first { $0["destination"] == .string("/sys") }
        #expect(system?["options"]?.array?.contains(.string("rw")) == true)
    }

    @Test("limits become a control group's, swap as much again as memory")
    func limits() throws {
        let json = try document {
            $0.limits.memoryBytes = 64 << 20
            $0.limits.processors = 1.5
            $0.limits.processes = 10
            $0.processLimits = [ProcessLimit(type: "RLIMIT_NOFILE", soft: 1, hard: 2), ProcessLimit(type: "RLIMIT_CORE", soft: 0, hard: 0)]
        }
        let resources = json["linux"]?["resources"]
        #expect(resources?["memory"]?["limit"] == .integer(64 << 20) && resources?["memory"]?["swap"] == .integer(128 << 20))
        #expect(resources?["cpu"]?["quota"] == .integer(150_000) && resources?["cpu"]?["period"] == .integer(100_000))
        #expect(resources?["pids"]?["limit"] == .integer(10))
        #expect(json["process"]?["rlimits"]?.array?.map { $0["type"] } == [.string("RLIMIT_CORE"), .string("RLIMIT_NOFILE")])
        #expect(json["process"]?["rlimits"]?.array?.last?["soft"] == .integer(1))
    }

    @Test("no network is a network namespace, an init comes before the program, an entrypoint replaces the image's command, too")
    func others() throws {
        let json = try document {
            $0.network = .none
            $0.hasInit = true
            $0.isReadOnly = true
            $0.security.forbidsNewPrivileges = true
        }
        #expect(json["linux"]?["namespaces"]?.array?.last?["type"] == .string("network"))
        #expect(json["process"]?["args"]?.array?.compactMap(\.string) == ["/sbin/docker-init", "--", "a", "b"])
        #expect(json["root"]?["readonly"] == .bool(true) && json["process"]?["noNewPrivileges"] == .bool(true))
        var settings = ContainerSettings()
        settings.entrypoint = ["own"]
        #expect(try spec(#"{"Entrypoint":["e"],"Cmd":["a"]}"#, settings).arguments == ["own"])
        settings.entrypoint = []
        settings.command = ["c"]
        #expect(try spec(#"{"Entrypoint":["e"],"Cmd":["a"]}"#, settings).arguments == ["c"])
    }

    @Test("a program is looked for in the image's PATH, links followed inside, before the runtime is asked")
    func program() throws {
        for (path, mode) in [("bin/tool", 0o755), ("bin/text", 0o644), ("usr/bin/text", 0o755), ("srv/own", 0o755)] as [(String, UInt32)] {
            try Files.makeDirectories(Paths.parent(of: directory.path + "/" + path))
            try AtomicFile.write([], to: directory.path + "/" + path, mode: mode)
        }
        try Files.makeDirectories(directory.path + "/bin/folder")
        try root.make(.symbolicLink(target: Array("/bin/tool".utf8)), Array("usr/bin/link".utf8))
        try root.make(.symbolicLink(target: Array("/etc/passwd".utf8)), Array("bin/dangling".utf8))
        let spec = try spec(#"{"Cmd":["a"],"Env":["PATH=/bin:/usr/bin"],"WorkingDir":"/srv"}"#)
        let failure = { (program: String) -> ContainerError? in
            do {
                try ContainerProgram(program, workingDirectory: spec.workingDirectory, path: spec.variable("PATH")).check(
                    in: root, image: "image")
                return nil
            } catch let error as ContainerError { return error }
        }
        for program in ["tool", "/bin/tool", "link", "/usr/bin/link", "text", "./own", "../bin/tool"] {
            #expect(try failure(program) == nil)
        }
        for program in ["none", "/none", "dangling", "own", "tool/below"] { #expect(try failure(program)?.exitStatus == 127, "\(program)") }
        for program in ["/bin/text", "folder", "/bin"] { #expect(try failure(program)?.exitStatus == 126, "\(program)") }
    }
}
