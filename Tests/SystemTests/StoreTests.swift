import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling store, with podman and a real registry", .serialized)
struct StoreTests {
    /// All that a container sees of a tree, but for what podman puts there: files, and the mode of a root that no archive has.
    private static let list =
        #"find / -xdev -mindepth 1 -path /proc -prune -o -path /run -prune -o -path /dev -prune -o -path /sys -prune -o -path /etc/resolv.conf -prune "#
        + #"-o -path /etc/hosts -prune -o -path /etc/hostname -prune -o -path /etc/mtab -prune "#
        + #"-o \( -type d -printf '%p %y %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %n %l\n' \) | sort; "#
        + "find /usr/lib/python3* /etc/apt -xdev -type f -print0 | sort -z | xargs -0 sha256sum"

    @Test(
        "podman runs an image before it is here, and it is the same image; one that cannot be lazy is pulled as ever",
        arguments: ContainerUserKind.allCases)
    func lazy(kind: ContainerUserKind) throws {
        let stage = try StoreStage(kind)
        try stage.begin()
        try stage.pull("lazy")
        #expect(try stage.proxy.bytesDown < stage.fixture.layerSize("lazy") / 10)
        #expect(try stage.run("lazy", "python3", "-c", "print('hello')") == "hello\n")
        #expect(try stage.proxy.bytesDown < stage.fixture.layerSize("lazy") / 3)
        try stage.pull("plain")
        #expect(try stage.proxy.bytesDown > stage.fixture.layerSize("plain"))
        let (lazy, plain) = (try stage.run("lazy", "sh", "-c", Self.list), try stage.run("plain", "sh", "-c", Self.list))
        let (left, right) = (lazy.split(separator: "\n"), plain.split(separator: "\n"))
        #expect(left == right && left.count > 4000, "\(left.difference(from: right).prefix(10))")
    }

    @Test("a registry that wants a password gets the one of `podman login`", arguments: ContainerUserKind.allCases)
    func login(kind: ContainerUserKind) throws {
        let stage = try StoreStage(kind)
        let guarded = try GuardedRegistry(stage.fixture)
        try stage.begin()
        try stage.podman(
            "login", "--tls-verify=false", "--username", guarded.user, "--password", guarded.password, guarded.registry.address)
        try stage.pull(guarded.reference)
        #expect(try stage.used().count == 1)
        #expect(try stage.run(guarded.reference, "echo", "in") == "in\n")
    }

    @Test("layers that hide, replace and extend each other do so", arguments: ContainerUserKind.allCases)
    func layered(kind: ContainerUserKind) throws {
        let stage = try StoreStage(kind)
        let images = try TemporaryDirectory(in: Paths.spoolDirectory)
        let layout = try TestImages.layered(in: images.path)
        try stage.fixture.registry.push("oci:\(layout):latest", as: SystemFixture.repository + ":layered")
        try Starling.succeed(["convert", stage.reference("layered"), stage.reference("layered-lazy")])
        try stage.begin()
        try stage.pull("layered-lazy")
        #expect(try stage.used().count == 3)
        try stage.pull("layered")
        #expect(try stage.used().count == 3)
        let list =
            #"find . -mindepth 1 \( -type d -printf '%p %y %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %n %l\n' \) | sort; "#
            + "find . -type f | sort | xargs -d '\\n' sha256sum"
        let (left, right) = (try stage.look(into: "layered-lazy", list), try stage.look(into: "layered", list))
        #expect(left == right && left.split(separator: "\n").count > 20)
    }

    @Test("containers write over lazy layers: new owners, removed directories", arguments: ContainerUserKind.allCases)
    func write(kind: ContainerUserKind) throws {
        let stage = try StoreStage(kind)
        try stage.begin()
        try stage.pull("lazy")
        let script =
            "chown 1:1 /etc/debian_version && rm -r /usr/share/doc && mkdir /usr/share/doc && stat -c %u /etc/debian_version && ls /usr/share/doc"
        #expect(try stage.run("lazy", "sh", "-c", script) == "1\n")
    }

    @Test("zstd:chunked, too")
    func zstdChunked() throws {
        let stage = try StoreStage(.root)
        try Starling.succeed(
            ["convert", "--format", "zstd-chunked", stage.fixture.plain, stage.reference("zstd")], deadline: .seconds(600))
        let before = stage.proxy.bytesDown
        try stage.begin()
        try stage.pull("zstd")
        #expect(try stage.run("zstd", "python3", "-c", "print('hello')") == "hello\n")
        #expect(try stage.proxy.bytesDown - before < stage.fixture.layerSize("zstd") / 3)
    }

    @Test(
        "a container goes on when the store is killed, or stopped, and started again", arguments: ContainerUserKind.allCases,
        [SIGKILL, SIGTERM])
    func killed(kind: ContainerUserKind, signal: Int32) throws {
        let stage = try StoreStage(kind)
        try stage.begin()
        try stage.pull("lazy")
        let container = try stage.start("lazy", "sleep", "1000")
        try stage.kill(signal)
        // What was not read before comes from the next store.
        let reader = try stage.exec(container, "python3", "-c", "import json, email, sqlite3; print('read')")
        try stage.begin()
        #expect(try reader.wait() == 0, "\(reader.error)")
        #expect(reader.output == "read\n")
        #expect(try stage.run("lazy", "echo", "new") == "new\n")
    }

    @Test("the last image that uses a layer takes it along; what stays is found again by the next store, without the registry")
    func uses() throws {
        let stage = try StoreStage(.root)
        try stage.begin()
        try stage.pull("lazy")
        try stage.podman("tag", stage.reference("lazy"), "localhost/other")
        #expect(try stage.used().count == 1)
        try stage.podman("rmi", stage.reference("lazy"))
        #expect(try stage.used().count == 1)
        try stage.run("localhost/other", "sh", "-c", "tar -cf - /usr /etc /lib | wc -c")
        #expect(try stage.end().status == 0)
        let before = stage.proxy.bytesDown
        try stage.begin()
        #expect(try stage.run("localhost/other", "echo", "again") == "again\n")
        #expect(stage.proxy.bytesDown == before)
        try stage.podman("rmi", "localhost/other")
        #expect(try stage.used().isEmpty)
        try waitUntil("the layer is closed") { try Mounts.mountPoints().allSatisfy { !$0.path.hasPrefix(stage.root + "/store/trees/") } }
    }

    @Test("a store that was killed can be ended all the same", arguments: ContainerUserKind.allCases)
    func endDead(kind: ContainerUserKind) throws {
        let stage = try StoreStage(kind)
        try stage.begin()
        try stage.pull("lazy")
        try stage.kill()
        let ended = try stage.end()
        #expect(ended.status == 0, "\(ended.errorText)")
        try waitUntil("its keeper has ended, too") { try MachineState.processes(mentioning: stage.root).isEmpty }
        #expect(try stage.end().status == 1)
        try stage.begin()
        #expect(try stage.run("lazy", "echo", "again") == "again\n")
    }

    @Test("podman saves an image whose layers are not here: the same image comes out")
    func save() throws {
        let stage = try StoreStage(.root)
        try stage.begin()
        try stage.pull("lazy")
        let archive = stage.user.home + "/saved.tar"
        try stage.podman("save", "--quiet", "--format", "oci-archive", "--output", archive, stage.reference("lazy"))
        try Starling.succeed(["check", stage.fixture.plain, "oci-archive:\(archive):\(stage.reference("lazy"))"])
    }

    @Test("info says what containers/storage wants to know, and what cannot be lazy is not there")
    func info() throws {
        let stage = try StoreStage(.root)
        try stage.begin()
        let lazy = try stage.directory(of: "lazy")
        let info = String(decoding: try Files.read(lazy + "/info", limit: 4096), as: UTF8.self)
        #expect(info.contains(#""compressed-size":\#(try stage.fixture.layerSize("lazy"))"#) && info.contains(#""diff-size":"#), "\(info)")
        #expect(Files.isDirectory(lazy + "/diff/etc"))
        #expect(try run("sha256sum", [lazy + "/blob"]).outputText.prefix(64) == lazy.suffix(64))
        #expect(open(lazy + "/use", O_CREAT | O_RDWR, 0o600) == -1 && errno == ENOENT)
        #expect(try stage.used().count == 1)
        #expect(rmdir(lazy) == -1 && errno == ENOENT)
        #expect(try stage.used().isEmpty)
        #expect(try !Files.exists(stage.directory(of: "plain")))
        #expect(!Files.exists(stage.mountpoint + "/bm8gaW1hZ2U") && !Files.exists(stage.mountpoint + "/7" + "/etc"))
    }

    @Test("nobody waits longer than allowed for a registry that is stuck; when it goes on, so does the store")
    func stuck() throws {
        let stage = try StoreStage(.root)
        try stage.begin(["--timeout", "1"])
        let directory = try stage.directory(of: "lazy")
        stage.proxy.hold(true)
        #expect(!Files.exists(directory))
        stage.proxy.hold(false)
        try waitUntil("it is open") { Files.exists(directory + "/diff/etc") }
        stage.proxy.hold(true)
        #expect(try stage.end().status == 0)
        stage.proxy.hold(false)
    }

    @Test("what cannot be a store says so in one line, and leaves the other one alone", arguments: ["second", "mounted", "file"])
    func refused(fault: String) throws {
        let stage = try StoreStage(.root)
        try stage.begin()
        var arguments = ["store", "--root", stage.user.home + "/other"]
        switch fault {
        case "second": arguments = ["store", "--root", stage.root, stage.user.home + "/elsewhere"]
        case "mounted": arguments.append("/proc")
        default:
            try stage.user.write("", to: "file")
            arguments.append(stage.user.home + "/file")
        }
        let result = try Starling.run(arguments)
        #expect(result.status == 1 && result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        try stage.pull("lazy")
        let again = try stage.end()
        #expect(again.status == 0, "\(again.errorText)")
        #expect(try Mounts.mountPoint(at: stage.mountpoint) == nil)
    }
}
