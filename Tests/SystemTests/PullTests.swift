import HostSystem
import TestSupport
import Testing

@Suite("starling pull and materialize", .serialized)
struct PullTests {
    private let stage: CountedStage

    init() throws { stage = try CountedStage() }

    private func pull(_ containerd: ContainerdServer, _ arguments: String...) throws -> Program.Result {
        try Starling.run(["pull", "--containerd", containerd.socket, "--plain-http"] + arguments, deadline: .seconds(300))
    }

    @Test(
        "an image that was pulled lazily can be exported and pushed once it is materialized: the same bytes as in the registry",
        arguments: ContainerdServer.Release.all)
    func materialize(release: ContainerdServer.Release) throws {
        let containerd = try ContainerdServer(release, snapshotter: stage.daemon.socket)
        let lazy = stage.reference("lazy")
        #expect(try pull(containerd, lazy).status == 0)
        let archive = stage.directory.path + "/image.tar"
        let missing = try Starling.run([
            "convert", "--containerd", containerd.socket, "containerd:\(lazy)", "oci:\(stage.directory.path)/no",
        ])
        #expect(missing.status != 0 && missing.errorText.contains("starling materialize \(lazy)"), "\(missing.errorText)")

        func materialize() throws -> Program.Result {
            try Starling.succeed(["materialize", "--containerd", containerd.socket, "--plain-http", lazy])
        }
        let first = try materialize()
        #expect(first.errorText.contains("layer 1 of 1:") && first.errorText.contains(": fetched, "), "\(first.errorText)")
        #expect(first.outputText == "\(lazy) \(stage.fixture.converted)")
        let before = stage.proxy.bytesDown
        #expect(try materialize().errorText.contains("already there"))
        #expect(stage.proxy.bytesDown - before < 100_000)
        // What was fetched stays: nothing of it is collected when the lease has ended.
        #expect(try containerd.ctr(["image", "check", "name==\(lazy)"]).outputText.contains("complete (2/2)"))
        #expect(try containerd.ctr(["leases", "ls", "-q"]).outputText.isEmpty)

        let export = try containerd.ctr(["image", "export", archive, lazy])
        let members = try TestSupport.run("tar", ["tf", archive]).outputText
        #expect(members.contains("index.json\n"), "\(members) \(export.outputText) \(export.errorText)")
        let exported = try Starling.succeed(["verify", "oci-archive:\(archive)"]).outputText
        #expect(exported.contains("right (estargz"), "\(exported)")
        let pushed = "\(stage.proxy.address)/pushed/by-\(release):1"
        try containerd.ctr(["image", "push", "--plain-http", pushed, lazy], deadline: .seconds(120))
        let manifest = try TestSupport.run("skopeo", ["inspect", "--tls-verify=false", "docker://\(pushed)"]).outputText
        let digest = stage.fixture.converted.prefix { !$0.isNewline }
        #expect(manifest.contains("\"Digest\": \"\(digest)\""), "\(manifest)")
        // And the snapshot is as lazy as before.
        #expect(try stage.status().contains("image    \(lazy)"))
    }

    @Test("an image that containerd does not have cannot be materialized")
    func nothingToMaterialize() throws {
        let containerd = try ContainerdServer(snapshotter: stage.daemon.socket)
        let result = try Starling.run(["materialize", "--containerd", containerd.socket, stage.reference("lazy")])
        #expect(result.status != 0 && result.errorText.contains("containerd has no image"), "\(result.errorText)")
        #expect(stage.proxy.bytesDown == 0)
    }

    @Test("--lazy require fails with the reason and leaves nothing, --lazy never unpacks what could be lazy")
    func lazyChoice() throws {
        let containerd = try ContainerdServer(snapshotter: stage.daemon.socket)
        let (plain, lazy) = (stage.reference("plain"), stage.reference("lazy"))
        let required = try pull(containerd, "--lazy", "require", plain)
        #expect(required.status != 0 && required.errorText.contains("cannot be lazy, as --lazy require wants: "), "\(required.errorText)")
        #expect(try containerd.ctr(["image", "ls", "-q"]).outputText.isEmpty)
        #expect(try containerd.ctr(["snapshot", "--snapshotter", "stargz", "ls"]).outputText.split(separator: "\n").count == 1)
        let never = try pull(containerd, "--lazy", "never", lazy)
        #expect(never.status == 0 && never.errorText.contains("pulled, ") && never.errorText.contains("as it was asked for"))
        #expect(try !stage.status().contains("image    "))
        let result = try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", lazy, "t1", "python3", "-c", #"print("hello")"#])
        #expect(result.outputText == "hello\n", "\(stage.daemon.log)")
    }

    @Test("labels are the image's, those of an earlier pull stay; progress is lines or JSON")
    func labelsAndProgress() throws {
        let containerd = try ContainerdServer(snapshotter: stage.daemon.socket)
        let lazy = stage.reference("lazy")
        let json = try pull(containerd, "--progress", "json", "--label", "a=1", "--label", "b=x=y", lazy)
        #expect(json.errorText.contains(#""event":"started""#) && json.errorText.contains(#""outcome":"lazy""#), "\(json.errorText)")
        let plain = try pull(containerd, "--label", "a=2", lazy)
        #expect(plain.errorText.contains("layer 1 of 1: ") && plain.errorText.contains(": lazy"), "\(plain.errorText)")
        #expect(try pull(containerd, "--progress", "none", lazy).errorText.isEmpty)
        let list = try containerd.ctr(["image", "ls"]).outputText
        #expect(list.contains("a=2,b=x=y"), "\(list)")
        #expect(try pull(containerd, "--label", "a", lazy).status == 64)
        let bytes = try pull(containerd, "--progress", "json", "--lazy", "never", stage.reference("plain"))
        #expect(bytes.errorText.contains(#""event":"progress""#), "\(bytes.errorText)")
    }

    @Test("of an index the platforms are pulled that are asked for, and all of them are there for containerd")
    func platforms() throws {
        let containerd = try ContainerdServer(snapshotter: stage.daemon.socket)
        let index = try multiPlatformImage()
        let own = try pull(containerd, index)
        #expect(own.status == 0 && own.errorText.split(separator: "\n").count == 1, "\(own.errorText)")
        let missing = try pull(containerd, "--platform", "linux/s390x", index)
        #expect(missing.status != 0 && missing.errorText.contains("linux/riscv64"), "\(missing.errorText)")
        let all = try pull(containerd, "--all-platforms", index)
        #expect(all.status == 0 && all.errorText.split(separator: "\n").count == 2, "\(all.errorText)")
        #expect(try pull(containerd, "--platform", "linux/riscv64", "--all-platforms", index).status == 64)
        let materialized = try Starling.succeed(["materialize", "--containerd", containerd.socket, "--all-platforms", index])
        #expect(materialized.errorText.split(separator: "\n").count == 2, "\(materialized.errorText)")
        let archive = stage.directory.path + "/all.tar"
        try containerd.ctr(["image", "export", "--all-platforms", archive, index])
        try Starling.succeed(["verify", "--platform", "linux/riscv64", "oci-archive:\(archive)"])
    }

    /// An index of two small lazy images, for this machine and for another; its name in the registry.
    private func multiPlatformImage() throws -> String {
        let layout = try TestImages.twoPlatforms(in: stage.directory.path)
        let name = "\(stage.fixture.registry.address)/two/platforms:1"
        try Starling.succeed(["convert", "--all-platforms", "oci:\(layout):latest", name])
        return "\(stage.proxy.address)/two/platforms:1"
    }
}
