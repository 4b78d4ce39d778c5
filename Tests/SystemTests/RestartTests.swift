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

    /// How often the daemon is killed, once a second, while a container reads; `STARLING_TEST_KILLS=60` for a minute of it.
    private static let kills = Paths.environment("STARLING_TEST_KILLS").flatMap { Int($0) } ?? 15

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
        original = try TemporaryDirectory()
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\nnoprefetch = true\n")
        containerd = try ContainerdServer(snapshotter: daemon.socket)
    }

    /// Six processes compare random pieces of random files with the original's, again and again, each read anew; half of them by reading and
    /// half by touching mapped pages. Prints how many pieces each has compared so far; any difference, error or signal ends it.
    private static let readers = """
        import mmap, os, random, struct, sys, time
        files = []
        for top, _, names in os.walk("/original/usr"):
            for name in names:
                path = os.path.join(top, name)
                if os.path.isfile(path) and not os.path.islink(path): files.append(path)
        files.sort()
        done = mmap.mmap(-1, 8 * 6)
        def piece(file, place, count, isMapped):
            if not isMapped: return os.pread(file, count, place)
            with mmap.mmap(file, 0, prot=mmap.PROT_READ) as memory: return memory[place:place + count]
        def read(number):
            random.seed(number)
            compared = 0
            while not os.path.exists("/original/stop"):
                path = random.choice(files)
                lazy = path[len("/original"):]
                with open(path, "rb") as a, open(lazy, "rb") as b:
                    size = os.fstat(a.fileno()).st_size
                    assert os.fstat(b.fileno()).st_size == size, lazy
                    place = random.randrange(size + 1)
                    count = random.choice([1, 4096, 100_000, 1_000_000])
                    right = os.pread(a.fileno(), count, place)
                    found = piece(b.fileno(), place, count, number % 2 == 1 and size > 0)
                    assert found == right, (lazy, place, count, len(right), len(found))
                    os.posix_fadvise(b.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                compared += 1
                struct.pack_into("Q", done, 8 * number, compared)
        children = {}
        for number in range(6):
            child = os.fork()
            if child == 0:
                try: read(number)
                except BaseException as error:
                    print(f"reader {number}: {error!r}", file=sys.stderr, flush=True)
                    os._exit(1)
                os._exit(0)
            children[child] = number
        while children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child:
                if status: sys.exit(f"reader {children[child]} ended with status {status}")
                del children[child]
            print(*struct.unpack("6Q", done), flush=True)
            time.sleep(0.1)
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

    /// Everything that was fetched is as if it had never been, so that what comes after is cold again. Only while no daemon runs.
    private func forgetContents() throws {
        for layer in try Files.entries(daemon.root + "/layers") where !layer.hasPrefix(".") {
            let directory = "\(daemon.root)/layers/\(layer)"
            // `PresenceBitmap`: 64 bytes of header, in which the bytes that are present are counted at 32, and then a bit for each chunk.
            var present = try Files.read(directory + "/present", limit: 64 << 20)
            present.replaceSubrange(32..<40, with: repeatElement(0, count: 8))
            present.replaceSubrange(64..., with: repeatElement(0, count: present.count - 64))
            try AtomicFile.write(present, to: directory + "/present")
            var status = stat()
            guard stat(directory + "/content", &status) == 0, truncate(directory + "/content", 0) == 0,
                truncate(directory + "/content", status.st_size) == 0
            else { throw HostError.last("empty", directory + "/content") }
        }
    }

    @Test("not one wrong byte and not one error in a container while the daemon is killed once a second, and then stopped")
    func killedWhileReading() throws {
        let reference = try pull()
        let original = try unpackOriginal()
        let readers = try RunningProgram(
            "ctr",
            [
                "--address", containerd.socket, "run", "--rm", "--snapshotter", "stargz", "--mount",
                "type=bind,src=\(original),dst=/original,options=rbind:ro", reference, "reader", "python3", "-c", Self.readers,
            ])
        func compared() -> [Int] { readers.output.split(separator: "\n").last?.split(separator: " ").compactMap { Int($0) } ?? [] }
        /// Each of the readers has read something since.
        func waitForReaders(_ moment: String) throws {
            let before = compared()
            try waitUntil("the container reads on \(moment)", deadline: .seconds(120)) {
                guard !readers.hasEnded else { throw TestFailure("\(moment): \(readers.error)") }
                let now = compared()
                return now.count == 6 && now.indices.allSatisfy { now[$0] > (before.count == 6 ? before[$0] : 0) }
            }
        }
        try waitForReaders("before the first kill")
        for round in 0..<Self.kills {
            let next = ContinuousClock.now + .seconds(1)
            try daemon.end(SIGKILL)
            if round % 5 == 4 { try forgetContents() }
            try daemon.start()
            guard !readers.hasEnded else { throw TestFailure("after kill \(round): \(readers.error)") }
            usleep(UInt32(max(0, ContinuousClock.now.duration(to: next) / .microseconds(1))))
        }
        try waitForReaders("after the last kill")
        try daemon.end(SIGTERM)
        try daemon.start()
        try waitForReaders("after the daemon was stopped")
        print("pieces compared by each reader over \(Self.kills) kills: \(compared()); \(proxy.bytesDown >> 20) MiB fetched")
        try AtomicFile.write([], to: original + "/stop")
        #expect(try readers.wait(deadline: .seconds(120)) == 0, "\(readers.error)")
        #expect(readers.output.hasSuffix("end\n"), "\(readers.error)")
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
        try waitUntil("another keeper holds the mount") { try Keepers.holdMount(of: daemon.root, besides: old) }
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
