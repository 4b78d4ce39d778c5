import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("containerd 1.6 with starlingd as its snapshotter", .serialized)
struct ContainerdTests {
    private let fixture: SystemFixture
    private let proxy: CountingProxy
    // In this order they go: containerd first, then the daemon that its snapshots are in.
    private let containerd: ContainerdServer
    private let daemon: StarlingDaemon

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
        daemon = try StarlingDaemon()
        containerd = try ContainerdServer(snapshotter: daemon.socket)
    }

    private func reference(_ tag: String) -> String { "\(proxy.address)/\(SystemFixture.repository):\(tag)" }

    @Test("an ordinary image is pulled, unpacked and run through it, and removed again")
    func ordinary() throws {
        let reference = reference("plain")
        try containerd.ctr(["image", "pull", "--snapshotter", "stargz", "--plain-http", reference], deadline: .seconds(300))
        let result = try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", reference, "t1", "python3", "-c", #"print("hello")"#])
        #expect(result.outputText == "hello\n", "\(daemon.log)")
        try containerd.ctr(["image", "rm", "--sync", reference])
        let snapshots = try containerd.ctr(["snapshot", "--snapshotter", "stargz", "ls"])
        #expect(snapshots.outputText.split(separator: "\n").count == 1, "\(snapshots.outputText)")
    }

    @Test("of an image that was pulled, what it starts comes before anybody starts it, and little else")
    func announced() throws {
        // The image's program is python3, whose file is some MB alone.
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", reference("lazy")])
        let wanted = 4_000_000
        for _ in 0..<2000 where proxy.bytesDown < wanted { usleep(10_000) }
        let size = try fixture.layerSize("lazy")
        #expect(proxy.bytesDown >= wanted && proxy.bytesDown < size / 3, "\(proxy.bytesDown) of \(size) bytes")
    }

    @Test("an eStargz image is mounted lazily: its container prints its output with less than a third of the layer fetched")
    func lazy() throws {
        let reference = reference("lazy")
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", reference])
        let result = try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", reference, "t1", "python3", "-c", #"print("hello")"#])
        #expect(result.outputText == "hello\n", "\(daemon.log)")
        let size = try fixture.layerSize("lazy")
        #expect(proxy.bytesDown > 0 && proxy.bytesDown < size / 3, "\(proxy.bytesDown) of \(size) bytes")
        let snapshots = try containerd.ctr(["snapshot", "--snapshotter", "stargz", "ls"])
        #expect(snapshots.outputText.contains("Committed"))
        let images = try containerd.ctr(["image", "ls", "-q"])
        #expect(images.outputText.contains(reference))
        let status = try Starling.succeed(["status", "--address", daemon.socket]).outputText
        #expect(status.contains("mode       \(ModeUnderTest.name)") && status.contains(reference), "\(status)")
        let json = try Starling.succeed(["status", "--json", "--address", daemon.socket]).outputText
        let presentSize = json.firstMatch(of: #/"presentSize":\s*(\d+)/#).flatMap { Int($0.1) }
        #expect(try #require(presentSize) > 1_000_000, "\(json)")
        func number(_ name: String) throws -> Int {
            let match = try json.firstMatch(of: Regex("\"\(name)\":\\s*(\\d+)"))
            return try #require(match?.output[1].substring.flatMap { Int($0) }, "\(json)")
        }
        #expect(try number("hitSize") > 0)
        #expect(try number("hitSize") + number("wasteSize") == number("size"))
        #expect(status.contains("  ahead    "), "\(status)")
        // Where all comes ahead, no read waits.
        if try number("demandMisses") > 0 {
            #expect(try number("demandWaitMedianMilliseconds") <= number("demandWait95Milliseconds"), "\(json)")
            #expect(status.contains(", half of them within "), "\(status)")
        }
        // A second pull finds everything there.
        let before = proxy.bytesDown
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", reference])
        #expect(proxy.bytesDown - before < 200_000)
        try containerd.ctr(["image", "rm", "--sync", reference])
    }

    @Test("a pull through containerd of an image that is not there says so in one line and leaves no image")
    func unknownReference() throws {
        let reference = "\(proxy.address)/\(SystemFixture.repository):none"
        let result = try Starling.run(["pull", "--containerd", containerd.socket, reference])
        #expect(result.status != 0)
        #expect(result.errorText.split(separator: "\n").count == 1 && result.errorText.contains(reference), "\(result.errorText)")
        #expect(try !containerd.ctr(["image", "ls", "-q"]).outputText.contains(reference))
    }

    @Test("status says in one line that no daemon answers")
    func noDaemon() throws {
        let result = try Starling.run(["status", "--address", "/nowhere/starlingd.sock"])
        #expect(result.status != 0)
        #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        #expect(result.errorText.contains("/nowhere/starlingd.sock"), "\(result.errorText)")
    }

    @Test("a containerd that is not there is named in one line")
    func noContainerd() throws {
        let result = try Starling.run(["pull", "--containerd", "/nowhere/containerd.sock", reference("lazy")])
        #expect(result.status != 0)
        #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        #expect(result.errorText.contains("/nowhere/containerd.sock"), "\(result.errorText)")
    }
}
