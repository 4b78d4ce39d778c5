import Digests
import Glibc
import HostSystem
import TestSupport
import Testing

/// Many readers of what is not here yet, through the daemon's mount and from a registry that is slow and makes mistakes.
@Suite("a crowd of readers", .serialized)
struct CrowdTests {
    private let fixture: SystemFixture
    private let proxy: FaultProxy
    private let original: TemporaryDirectory
    private let daemon: StarlingDaemon
    private let containerd: ContainerdServer

    /// What the daemon may use more than before the crowd came, however large the crowd.
    ///
    /// Threads: none is made for a read; one or two of the libraries' pools may be made late. Descriptors: a connection for each
    /// range under way (`FetchQueue.Limits.active`, two dozen at most), some about to be replaced. Memory: 48 MiB of ranges under way, chunks of
    /// 4 MiB in two decoders, a buffer of 1 MiB for each thread that answers, and what the allocator does not give back; 36 MiB were measured.
    private static let most = ProcessFacts.Usage(threads: 2, descriptors: 28, memory: 128 << 20)

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try FaultProxy(to: fixture.registry.port)
        original = try TemporaryDirectory()
        daemon = try StarlingDaemon(configuration: "no_background_fetch = true\nnoprefetch = true\n")
        containerd = try ContainerdServer(snapshotter: daemon.socket)
    }

    /// Five hundred threads begin at the same moment. Each compares files with the original's: three that all have in common, each in an order
    /// of its own, and every five hundredth of the others.
    private static let readers = """
        import os, random, sys, threading
        original, lazy = sys.argv[1:]
        names = []
        for top, _, found in os.walk(original + "/usr"):
            for name in found:
                path = os.path.join(top, name)
                if os.path.isfile(path) and not os.path.islink(path): names.append(path[len(original):])
        names.sort()
        random.seed(1)
        random.shuffle(names)
        common, others = names[:3], names[3:]
        threading.stack_size(256 << 10)
        start = threading.Barrier(500)
        right, wrong = [], []
        def read(number):
            mine = random.sample(common, 3) + others[number::500]
            start.wait()
            for name in mine:
                try:
                    with open(original + name, "rb") as a, open(lazy + name, "rb") as b:
                        (right if a.read() == b.read() else wrong).append(name)
                except OSError as error:
                    wrong.append(f"{name}: {error}")
        threads = [threading.Thread(target=read, args=(number,)) for number in range(500)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(right), len(names) - 3 + 3 * 500, wrong[:10])
        sys.exit(1 if wrong else 0)
        """

    @Test("500 readers of cold files, together: every byte right; few threads, descriptors and bytes for it; afterwards all is idle")
    func crowd() throws {
        let reference = "\(proxy.address)/\(SystemFixture.repository):lazy"
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", reference])
        try run("umoci", ["unpack", "--image", fixture.layout + ":latest", original.path + "/bundle"], deadline: .seconds(120))
        let faults: [Fault] = [.reset(after: 30_000), .truncate(after: 100_000), .status("503 Service Unavailable")]
        proxy.run { $0.number % 7 == 6 ? faults[$0.number / 7 % faults.count] : .slow(bytesPerSecond: 8 << 20) }
        let process = try daemon.processID
        let before = try ProcessFacts.usage(of: process)
        // In a process of its own: this one's threads are not the crowd's.
        let readers = try RunningProgram(
            try requireProgram("python3"), ["-c", Self.readers, original.path + "/bundle/rootfs", daemon.root + "/lazy/1"])
        var worst = before
        var connections = 0
        try waitUntil("the readers have ended: \(readers.error)", deadline: .seconds(300)) {
            worst.raise(to: try ProcessFacts.usage(of: process))
            connections = max(connections, proxy.connections.open)
            return readers.hasEnded
        }
        #expect(try readers.wait() == 0, "\(readers.output)\(readers.error)")
        let counts = readers.output.split(separator: " ").prefix(2)
        #expect(counts.count == 2 && counts[0] == counts[1], "\(readers.output)")
        #expect(worst.threads <= before.threads + Self.most.threads, "\(before), then \(worst)")
        #expect(worst.descriptors <= before.descriptors + Self.most.descriptors, "\(before), then \(worst)")
        #expect(worst.memory <= before.memory + Self.most.memory, "\(before), then \(worst)")
        #expect(connections <= Self.most.descriptors)
        print("the daemon before the crowd: \(before); at worst: \(worst); \(connections) connections")
        try expectIdle(process, asBefore: before)
    }

    /// Fails unless the daemon has nothing more to do than before, and does nothing.
    private func expectIdle(_ process: Int32, asBefore before: ProcessFacts.Usage) throws {
        try waitUntil("threads are as few as before, and descriptors but for connections kept open") {
            let now = try ProcessFacts.usage(of: process)
            return now.threads <= before.threads + Self.most.threads && now.descriptors <= before.descriptors + proxy.connections.open
        }
        let (computed, requests) = (try ProcessFacts.computed(by: process), proxy.requests.count)
        usleep(2_000_000)
        #expect(try ProcessFacts.computed(by: process) - computed <= 10, "hundredths of a second in two seconds")
        #expect(proxy.requests.count == requests)
    }
}
