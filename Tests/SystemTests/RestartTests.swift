import Digests
import Glibc
import HostSystem
import TestSupport
import Testing

/// The daemon ends in every way there is, while a container reads through it.
@Suite("restarts of starlingd", .serialized)
struct RestartTests {
    private let fixture: SystemFixture
    private let proxy: CountingProxy
    private let original: TemporaryDirectory
    private let daemon: StarlingDaemon
    private let containerd: ContainerdServer

    /// How often the daemon is killed while a container reads; `STARLING_KILL_ROUNDS=60` for a minute or more of it.
    private static let rounds = Paths.environment("STARLING_KILL_ROUNDS").flatMap { Int($0) } ?? 10

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
        original = try TemporaryDirectory()
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\n")
        containerd = try ContainerdServer(snapshotter: daemon.socket)
    }

    /// Compares random pieces of files with the original's, again and again, each read anew; a line for each hundred. Any error ends it.
    private static let reader = """
        import os, random, sys
        random.seed(int(sys.argv[1]))
        files = []
        for top, _, names in os.walk("/original/usr"):
            for name in names:
                path = os.path.join(top, name)
                if os.path.isfile(path) and not os.path.islink(path): files.append(path)
        files.sort()
        done = 0
        while not os.path.exists("/original/stop"):
            path = random.choice(files)
            lazy = path[len("/original"):]
            with open(path, "rb") as a, open(lazy, "rb") as b:
                size = os.fstat(a.fileno()).st_size
                assert os.fstat(b.fileno()).st_size == size, lazy
                place = random.randrange(size + 1)
                count = random.choice([1, 4096, 100_000, 1_000_000])
                assert os.pread(a.fileno(), count, place) == os.pread(b.fileno(), count, place), (lazy, place, count)
                os.posix_fadvise(b.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            done += 1
            if done % 100 == 0: print(done, flush=True)
        print("end", flush=True)
        """

    private func pull() throws -> String {
        let reference = "\(proxy.address)/\(SystemFixture.repository):lazy"
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", reference])
        return reference
    }

    /// The image's root as standard tools unpack it.
    private func unpackOriginal() throws -> String {
        try run("umoci", ["unpack", "--image", fixture.layout + ":latest", original.path + "/bundle"], deadline: .seconds(120))
        return original.path + "/bundle/rootfs"
    }

    @Test("not one wrong byte and not one error in a container while the daemon is killed and stopped again and again")
    func killedWhileReading() throws {
        let reference = try pull()
        let original = try unpackOriginal()
        let reader = try RunningProgram(
            "ctr",
            [
                "--address", containerd.socket, "run", "--rm", "--snapshotter", "stargz", "--mount",
                "type=bind,src=\(original),dst=/original,options=rbind:ro", reference, "reader", "python3", "-c", Self.reader, "1",
            ])
        func progress() -> Int { reader.output.split(separator: "\n").last.flatMap { Int($0) } ?? 0 }
        for round in 0..<Self.rounds {
            let before = progress()
            try waitUntil("the container reads on in round \(round): \(reader.error)", deadline: .seconds(120)) { progress() > before }
            try daemon.end(round % 4 == 3 ? SIGTERM : SIGKILL)
            try daemon.start()
        }
        let before = progress()
        try waitUntil("the container reads on", deadline: .seconds(120)) { progress() > before }
        try AtomicFile.write([], to: original + "/stop")
        #expect(try reader.wait(deadline: .seconds(120)) == 0, "\(reader.error)")
        #expect(reader.output.hasSuffix("end\n"), "\(reader.error)")
        #expect(!daemon.log.contains(" is lost"), "\(daemon.log)")
    }

    @Test("a read that waits for a stuck registry when the daemon is killed succeeds when both are back")
    func killedWhileFetching() throws {
        _ = try pull()
        let name = "/usr/bin/python3.11"
        let original = Digest.sha256(try Starling.succeed(["cat", "--plain-http", fixture.lazy, name]).output)
        proxy.hold(true)
        let before = proxy.bytesUp
        // In a process of its own: ours starts programs, and those would wait for the mount to close their copies of the file.
        let reader = try RunningProgram("sha256sum", [daemon.root + "/lazy/1" + name])
        try waitUntil("the registry was asked") { proxy.bytesUp > before }
        try daemon.end(SIGKILL)
        try daemon.start()
        proxy.hold(false)
        #expect(try reader.wait() == 0, "\(reader.error)")
        #expect(reader.output.hasPrefix(original.hex), "\(reader.error)")
    }

    @Test("the next daemon needs no registry to serve on what is here")
    func withoutRegistry() throws {
        _ = try pull()
        let path = daemon.root + "/lazy/1/usr/bin/perl"
        let content = try Files.read(path, limit: 1 << 30)
        try daemon.end(SIGTERM)
        proxy.hold(true)
        defer { proxy.hold(false) }
        try daemon.start()
        let file = open(path, O_RDONLY)
        defer { close(file) }
        #expect(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0)
        #expect(try Files.read(path, limit: 1 << 30) == content)
    }

    @Test("a keeper that is killed has a successor, which hands the mount over")
    func keeperKilled() throws {
        _ = try pull()
        let old = try daemon.keepers()
        #expect(old.count == 1)
        old.forEach { kill($0, SIGKILL) }
        try waitUntil("another keeper holds the mount") { try Keepers.holdMount(of: daemon.root) && daemon.keepers() != old }
        try daemon.end(SIGKILL)
        try daemon.start()
        #expect(try Files.entries(daemon.root + "/lazy/1").contains("usr"))
    }

    @Test("SIGINT leaves no mount, no process and no socket; a daemon that starts afterwards serves the snapshots again")
    func interrupted() throws {
        _ = try pull()
        #expect(try daemon.end(SIGINT) == 0)
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(daemon.root) })
        try waitUntil("the keeper has ended") { try daemon.keepers().isEmpty }
        #expect(!Files.exists(daemon.socket) && !Files.exists(daemon.root + "/keeper.sock"))
        try daemon.start()
        try waitUntil("the layer is mounted again") { Files.exists(daemon.root + "/lazy/1/usr") }
    }

    @Test("a second daemon on the same root refuses in one line, and the first serves on")
    func second() throws {
        _ = try pull()
        var arguments = daemon.arguments
        arguments[1] += "2"
        let result = try Program.run(Places.product("starlingd"), arguments)
        #expect(result.status != 0)
        #expect(result.errorText.split(separator: "\n").count == 1 && result.errorText.contains("in use"), "\(result.errorText)")
        #expect(try Files.entries(daemon.root + "/lazy/1").contains("usr"))
    }
}
