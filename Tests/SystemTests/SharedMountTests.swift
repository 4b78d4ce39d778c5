import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("containers of one image without a daemon have one mount", .serialized)
struct SharedMountTests {
    private let stage: ContainerStage
    private let proxy: FaultProxy

    init() throws {
        stage = try ContainerStage()
        proxy = try FaultProxy(to: stage.fixture.registry.port)
    }

    private var image: String { "\(proxy.address)/\(SystemFixture.repository):lazy" }

    private func start(_ name: String) throws -> String {
        String(try stage.succeed("run", ["-d", "--name", name, "--plain-http", "--no-background-fetch", image, "sleep", "600"]).dropLast())
    }

    /// Device numbers of the file systems below the container's root, as the process sees them that serves it.
    private func devices(_ container: String) throws -> Set<String> {
        let process = String(decoding: try Files.read("\(stage.root)/containers/\(container)/lock", limit: 32), as: UTF8.self).filter(
            \.isNumber)
        let lines = String(decoding: try Files.read("/proc/\(process)/mountinfo", limit: 1 << 20), as: UTF8.self).split(separator: "\n")
        return Set(
            lines.map { $0.split(separator: " ") }.filter { $0.count > 4 && $0[4].contains(container) && !$0.contains("overlay") }.map {
                String($0[2])
            })
    }

    private static let sums = "find /usr /etc -xdev -type f | sort | xargs sha256sum | sha256sum"

    /// What all files are, as a container with a store of its own sees them.
    private func expectedSums() throws -> String {
        try Starling.succeed(["run", "--rm", "--root", stage.directory.path + "/other", stage.fixture.lazy, "sh", "-c", Self.sums])
            .outputText
    }

    @Test("the first one ends, the next is killed: the others read on what is not here yet, and a new one comes in; nothing is left")
    func succession() throws {
        let expected = try expectedSums()
        let (one, two, three) = (try start("one"), try start("two"), try start("three"))
        let shared = try devices(one)
        #expect(!shared.isEmpty)
        #expect(try devices(two) == shared && devices(three) == shared)
        #expect(try stage.succeed("exec", ["one", "python3", "-c", "print(1)"]) == "1\n")
        #expect(try stage.succeed("rm", ["-f", "one"]) == "one\n")
        #expect(try stage.succeed("exec", ["two", "sh", "-c", "cat /usr/share/doc/*/* | wc -c"]) != "0\n")
        // Who comes later has the same mount, whoever serves it now.
        let four = try start("four")
        #expect(try devices(four) == shared)
        // While a read of everything is under way, those are killed one after the other who may be serving it.
        proxy.run { _ in .slow(bytesPerSecond: 8 << 20) }
        let reader = try RunningProgram(
            Places.product("starling"), ["exec", "--root", stage.root, "four", "sh", "-c", Self.sums])
        for container in [two, three] {
            usleep(1_500_000)
            try stage.killProcess(of: container)
        }
        try waitUntil("all is read", deadline: .seconds(120)) { reader.hasEnded }
        #expect(try reader.wait() == 0 && reader.output == expected, "\(reader.output)\(reader.error)")
        let five = try start("five")
        #expect(try devices(five) == shared)
        #expect(try stage.succeed("rm", ["-f", "two", "three", "four", "five"]).split(separator: "\n").count == 4)
        #expect(try Files.entries(stage.root + "/shared") == ["lock"])
        try stage.expectNothingLeft()
    }

    @Test("twelve that start at once are served by one; the registry is asked once what the image is, and all of it is fetched once")
    func together() throws {
        let expected = try expectedSums()
        let asked = try RequestProxy(to: stage.fixture.registry.port)
        let counted = try CountingProxy(to: asked.port)
        let script = "\(Self.sums); echo read; exec sleep 600"
        let starts = try (0..<12).map { number in
            try Starling.start([
                "run", "-d", "--name", "c\(number)", "--root", stage.root, "--plain-http",
                "\(counted.address)/\(SystemFixture.repository):lazy", "sh", "-c", script,
            ])
        }
        let containers = try starts.map { start in
            let status = try start.wait(deadline: .seconds(120))
            #expect(status == 0, "\(start.error)")
            return String(start.output.dropLast())
        }
        for container in containers {
            try waitUntil("it has read", deadline: .seconds(240)) { try stage.succeed("logs", [container]) == expected + "read\n" }
        }
        let served = try containers.map(devices)
        #expect(Set(served).count == 1 && served.first?.isEmpty == false, "\(served)")
        let documents = asked.heads.compactMap { $0.split(separator: " ").dropFirst().first }.filter { !$0.contains("/blobs/") }
        #expect(Set(documents).count == documents.count && documents.contains { $0.hasSuffix("/manifests/lazy") }, "\(documents)")
        #expect(try counted.bytesDown < stage.fixture.layerSize("lazy") * 11 / 10)
        _ = try stage.succeed("rm", ["-f"] + containers)
        #expect(try Files.entries(stage.root + "/shared") == ["lock"])
        try stage.expectNothingLeft()
    }

    @Test("Ctrl-Z stops nobody: it goes to the container, and the process serves on")
    func suspended() throws {
        let one = try RunningProgram(
            Places.product("starling"),
            [
                "run", "--rm", "--root", stage.root, "--plain-http", "--no-background-fetch", image, "sh", "-c",
                "trap 'echo told' TSTP; echo begun; while :; do sleep 0.1; done",
            ])
        try waitUntil("it runs") { one.output == "begun\n" }
        _ = try start("two")
        one.kill(SIGTSTP)
        try waitUntil("it was told") { one.output == "begun\ntold\n" }
        #expect(try stage.succeed("exec", ["two", "python3", "-c", "print(2)"]) == "2\n")
        one.kill(SIGTERM)
        #expect(try one.wait() == 128 + SIGTERM)
        _ = try stage.succeed("rm", ["-f", "two"])
        try stage.expectNothingLeft()
    }

    @Test("complete images are shared, too: whoever ends, nobody has to serve")
    func complete() throws {
        _ = try stage.succeed("pull", ["--complete", "--plain-http", image])
        let one = try start("one")
        let two = try start("two")
        #expect(try devices(one) == devices(two) && !devices(one).isEmpty)
        try stage.killProcess(of: one)
        let three = try start("three")
        #expect(try devices(three) == devices(two))
        #expect(try stage.succeed("exec", ["three", "python3", "-c", "print(3)"]) == "3\n")
        _ = try stage.succeed("rm", ["-f", "one", "two", "three"])
        try stage.expectNothingLeft()
    }
}
