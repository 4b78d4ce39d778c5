import Digests
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("starling profile, with a real registry", .serialized)
struct ProfileTests {
    private let stage: FetchStage

    /// A repository of its own: profiles that stay would serve other tests.
    private static let repository = "profile/python"

    init() throws { stage = try FetchStage() }

    private var root: String { stage.root }

    /// The converted image under a manifest of its own, to which no profile refers yet.
    private func image(_ tag: String) throws -> String {
        let name = "\(stage.fixture.registry.address)/\(Self.repository):\(tag)"
        // Another chunk size makes other layers.
        let size = String((1 << 20) + 4096 * tag.utf8.reduce(0) { $0 + Int($1) })
        try Starling.succeed(["convert", "--chunk-size", size, stage.fixture.plain, name], deadline: .seconds(600))
        return name
    }

    private func record(_ image: String, _ arguments: [String], _ command: [String]) throws -> String {
        let arguments = ["profile", "record", "--mode", ModeUnderTest.name, "--root", root] + arguments + [image, "--"] + command
        return try Starling.succeed(arguments).outputText
    }

    /// What a run of a shell fetches that itself needs little.
    private func fetched(_ tag: String, _ more: [String]) throws -> Int {
        let before = stage.proxy.bytesDown
        try Starling.succeed(
            [
                "run", "--rm", "--no-background-fetch", "--mode", ModeUnderTest.name, "--root",
                stage.directory.path + "/\(RandomName.make())",
            ]
                + more
                + ["\(stage.proxy.address)/\(Self.repository):\(tag)", "sh", "-c", "sleep 2"])
        return stage.proxy.bytesDown - before
    }

    @Test("what a start read is recorded and pushed, and the next start of the image fetches it before anybody asks")
    func used() throws {
        let image = try image("used")
        let digest = try record(image, ["--push"], ["python3", "-c", #"print("hello")"#])
        #expect(digest.hasPrefix("hello\nsha256:"), "\(digest)")
        let shown = try Starling.succeed(["profile", "show", image]).outputText
        #expect(shown.hasPrefix("starts: 1; ") && shown.contains("/usr/bin/python3"), "\(shown)")
        let with = try fetched("used", [])
        let without = try fetched("used", ["--no-profile"])
        #expect(with > without + 1_000_000, "\(with) bytes with its profile, \(without) without")
        try stage.expectNothingLeft()
        #expect(try bundles(in: root).isEmpty)
    }

    @Test("profiles of several nodes are merged in files and in the registry, until one takes their place")
    func merged() throws {
        let image = try image("merged")
        // Two that read the same are one.
        let paths = try ["ls", "cat"].map { name in
            let path = stage.directory.path + "/\(name).json"
            _ = try record(image, ["-o", path], [name, "/etc/hosts"])
            return path
        }
        let merged = stage.directory.path + "/merged.json"
        try Starling.succeed(["profile", "merge", "-o", merged] + paths)
        #expect(try Starling.succeed(["profile", "show", merged]).outputText.hasPrefix("starts: 2; "))
        for path in paths { try Starling.succeed(["profile", "push", path, image]) }
        try Starling.succeed(["profile", "push", paths[0], image])
        #expect(try Starling.succeed(["profile", "show", image]).outputText.hasPrefix("starts: 2; "))
        let pulled = try Starling.succeed(["profile", "pull", image]).output
        #expect(try Files.read(merged, limit: 1 << 24).filter { $0 != 10 } == pulled.filter { $0 != 10 })
        try Starling.succeed(["profile", "push", "--replace", paths[1], image])
        #expect(try Starling.succeed(["profile", "show", image]).outputText.hasPrefix("starts: 1; "))
    }

    @Test("starlingd prefetches by the profile, too, unless it is told not to", arguments: [true, false])
    func daemon(isOn: Bool) throws {
        let image = try image("daemon")
        _ = try record(image, ["--push"], ["perl", "-e", "1"])
        let daemon = try StarlingDaemon(configuration: "no_background_fetch = true\n", own: "profiles = \(isOn)")
        let containerd = try ContainerdServer(snapshotter: daemon.socket)
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", image], deadline: .seconds(300))
        let result = try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", image, "t1", "perl", "-e", "print 1"])
        #expect(result.outputText == "1", "\(daemon.log)")
        let word = "prefetching by the image's profile"
        if isOn { try waitUntil("the profile is here") { daemon.log.contains(word) } }
        #expect(daemon.log.contains(word) == isOn)
    }

    @Test("a registry that lists referrers itself is asked for them, and gets no tag in its place")
    func referrersAPI() throws {
        let image = try image("api")
        let front = try ReferrersFront(to: stage.fixture.registry.address)
        let through = "\(front.address)/\(Self.repository):api"
        let path = stage.directory.path + "/profile.json"
        _ = try record(image, ["-o", path], ["true"])
        let digest = try Starling.succeed(["profile", "push", path, through]).outputText.filter { $0 != "\n" }
        let tags = try run("skopeo", ["list-tags", "--tls-verify=false", "docker://\(stage.fixture.registry.address)/\(Self.repository)"])
        let manifest = try run(
            "skopeo", ["inspect", "--raw", "--tls-verify=false", "docker://\(stage.fixture.registry.address)/\(Self.repository)@\(digest)"])
        #expect(!tags.outputText.contains(try subject(of: manifest.output)), "\(tags.outputText)")
        #expect(try Starling.run(["profile", "show", through]).errorText.contains("has no start profile"))
        try front.list(digest: digest, size: manifest.output.count)
        #expect(try Starling.succeed(["profile", "show", through]).outputText.hasPrefix("starts: 1; "))
    }

    /// The tag that would stand in the place of a list.
    private func subject(of manifest: [UInt8]) throws -> String {
        let subject = try #require(try Documents.decode(Manifest.self, from: manifest, what: "manifest").subject)
        return "sha256-" + subject.digest.hex
    }

    @Test("what cannot be is told in a line")
    func refused() throws {
        let path = stage.directory.path + "/profile.json"
        for (arguments, words) in [
            (["profile", "record", "--root", root, stage.fixture.plain], "not lazy"),
            (["profile", "pull", stage.fixture.plain], "has no start profile"),
            (["profile", "show", path + ".none"], "profile.json.none"),
            (["profile", "push", path, stage.fixture.lazy], "not a start profile"),
        ] {
            try AtomicFile.write(Array("{}".utf8), to: path)
            let result = try Starling.run(arguments)
            #expect(result.status == 1 && result.errorText.contains(words), "\(arguments): \(result.errorText)")
            #expect(result.errorText.split(separator: "\n").count == 1)
        }
        // Of another image.
        let image = try image("other")
        _ = try record(image, ["-o", path], ["true"])
        let result = try Starling.run(["profile", "push", path, stage.fixture.lazy])
        #expect(result.status == 1 && result.errorText.contains("image with other layers"), "\(result.errorText)")
    }
}
