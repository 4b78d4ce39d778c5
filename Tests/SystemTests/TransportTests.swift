import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling convert from and to docker archives", .serialized)
struct DockerArchiveTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
    }

    @Test("an archive of skopeo's converts to the same image as the registry's, and into an archive that comes back as it is")
    func sameImage() throws {
        let (saved, written) = (directory.path + "/saved.tar", directory.path + "/written.tar")
        try TestSupport.run(
            "skopeo", ["copy", "--quiet", "--insecure-policy", "oci:\(fixture.layout):latest", "docker-archive:\(saved):python:3"],
            deadline: .seconds(120))
        let first = try Starling.succeed(
            ["convert", "docker-archive:\(saved):python:3", "docker-archive:\(written):python:3-esgz"], deadline: .seconds(600))
        #expect(first.outputText == fixture.converted)
        #expect(try Files.entries(directory.path) == ["saved.tar", "written.tar"])
        // The layout inside still has the annotations: its layer is kept, and the registry's image comes out.
        let second = try Starling.succeed(
            ["convert", "docker-archive:\(written):python:3-esgz", "oci:\(directory.path)/back:latest"], deadline: .seconds(600))
        #expect(second.outputText == fixture.converted)
    }

    @Test("skopeo copies a written archive, and umoci unpacks it to the tree of the source")
    func sameTree() throws {
        let written = directory.path + "/written.tar"
        try Starling.succeed(["convert", fixture.plain, "docker-archive:\(written):python:3"], deadline: .seconds(600))
        try TestSupport.run(
            "skopeo",
            ["copy", "--quiet", "--insecure-policy", "docker-archive:\(written):python:3", "oci:\(directory.path)/copied:latest"],
            deadline: .seconds(120))
        var trees: [TreeListing] = []
        for (name, layout) in [("source", fixture.layout), ("copied", directory.path + "/copied")] {
            let root = directory.path + "/" + name + "-root"
            try TestSupport.run(
                "umoci", ["raw", "unpack", "--keep-dirlinks", "--image", layout + ":latest", root], deadline: .seconds(300))
            // What eStargz adds to the archive is not of the image.
            var tree = try TreeListing(root) { !["stargz.index.json", ".prefetch.landmark", ".no.prefetch.landmark"].contains($0) }
            // The top has a new time: files were put into it and left out of the listing.
            tree.files["."]?.modified = 0
            trees.append(tree)
        }
        #expect(trees[0].files.count > 5000 && trees[0] == trees[1], "\(trees[0].differences(from: trees[1]).joined(separator: "\n"))")
    }
}

@Suite("starling convert from and to containerd", .serialized)
struct ContainerdTransportTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory
    private let containerd: ContainerdServer

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        containerd = try ContainerdServer(snapshotter: directory.path + "/no-snapshotter.sock")
    }

    private func convert(_ source: String, _ target: String, namespace: String = "default") throws -> Program.Result {
        try Starling.run(
            ["convert", "--progress", "none", "--containerd", containerd.socket, "--namespace", namespace, source, target],
            deadline: .seconds(600))
    }

    private func expectOneLine(_ result: Program.Result, _ words: String...) {
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        for word in words { #expect(result.errorText.contains(word), "\"\(word)\" is not in: \(result.errorText)") }
    }

    private func images(_ namespace: String = "default") throws -> [Substring] {
        try containerd.ctr(["--namespace", namespace, "image", "ls", "-q"]).outputText.split(separator: "\n")
    }

    @Test("an image in containerd converts to the same image as the registry's, in containerd and out of it, and stays whole and runs")
    func sameImage() throws {
        let target = "r.example/python:3-esgz"
        try containerd.ctr(["content", "fetch", "--plain-http", fixture.plain], deadline: .seconds(300))
        let first = try convert("containerd:" + fixture.plain, "containerd:" + target)
        #expect(first.outputText == fixture.converted, "\(first.errorText)")
        #expect(try images() == [Substring(fixture.plain), Substring(target)])
        #expect(try containerd.ctr(["leases", "ls", "-q"]).outputText.isEmpty)

        // Removing the source collects what only it has, now; what the new image needs is not among it.
        try containerd.ctr(["image", "rm", "--sync", fixture.plain])
        #expect(try containerd.ctr(["image", "check"]).outputText.contains("complete (2/2)"))
        let second = try convert("containerd:" + target, "oci:\(directory.path)/out:latest")
        #expect(second.outputText == fixture.converted, "\(second.errorText)")
        let third = try convert("containerd:" + target, "containerd:r.example/again:1")
        #expect(third.outputText == fixture.converted, "\(third.errorText)")

        let result = try containerd.ctr(
            ["run", "--rm", "--snapshotter", "native", target, "t1", "python3", "-c", #"print("hello")"#], deadline: .seconds(300))
        #expect(result.outputText == "hello\n")
    }

    @Test("another namespace gets an image of its own, and the name is made to mean the newer image")
    func namespaces() throws {
        let image = "oci:\(try TestImages.busybox(in: directory.path)):latest"
        let name = "containerd:r.example/busybox:1"
        let first = try convert(image, name, namespace: "one")
        let second = try convert(image, name, namespace: "two")
        #expect(first.status == 0 && first.outputText == second.outputText, "\(first.errorText)\(second.errorText)")
        #expect(try images("one") == ["r.example/busybox:1"] && images("two") == ["r.example/busybox:1"] && images().isEmpty)
        #expect(try containerd.ctr(["--namespace", "two", "image", "check"]).outputText.contains("complete (2/2)"))

        let other = try Starling.succeed([
            "convert", "--chunk-size", "65536", "--containerd", containerd.socket, "--namespace", "one", image, name,
        ])
        #expect(other.outputText != first.outputText)
        #expect(try containerd.ctr(["--namespace", "one", "image", "ls"]).outputText.contains(other.outputText.dropLast()))
        #expect(try containerd.ctr(["--namespace", "one", "image", "check"]).outputText.contains("complete (2/2)"))
    }

    @Test("an index goes in and comes out whole, attestation included")
    func index() throws {
        let layout = try TestImages.busybox(in: directory.path)
        _ = try TestImages.addIndex(in: layout)
        let (name, out) = ("containerd:r.example/busybox:all", "oci:\(directory.path)/out:latest")
        let options = ["convert", "--all-platforms", "--containerd", containerd.socket]
        let into = try Starling.succeed(options + ["oci:\(layout):latest", name])
        // Collects what nothing refers to.
        try containerd.ctr(["image", "tag", "r.example/busybox:all", "r.example/busybox:other"])
        try containerd.ctr(["image", "rm", "--sync", "r.example/busybox:other"])
        let outOf = try Starling.succeed(options + [name, out])
        #expect(into.outputText == outOf.outputText)
    }

    @Test("a containerd that is not there, a name that it does not have, and content that it lacks are said in one line")
    func failures() throws {
        let nowhere = try Starling.run(["convert", "--containerd", "/nowhere/c.sock", "containerd:app:1", "oci:\(directory.path)/x"])
        expectOneLine(nowhere, "/nowhere/c.sock")
        expectOneLine(
            try convert("containerd:app:1", "oci:\(directory.path)/x", namespace: "other"), "docker.io/library/app:1", "namespace other")
        #expect(!Files.exists(directory.path + "/x"))

        // An image whose layer has gone, as that of a lazy snapshot was never there.
        let image = "oci:\(try TestImages.busybox(in: directory.path)):latest"
        let digest = try convert(image, "containerd:r.example/a:1").outputText.dropLast()
        let manifest = try containerd.ctr(["content", "get", String(digest)]).outputText
        let layer = try #require(manifest.firstMatch(of: #/"layers":.*"digest":"(sha256:[0-9a-f]+)"/#)?.1)
        try containerd.ctr(["content", "rm", String(layer)])
        expectOneLine(try convert("containerd:r.example/a:1", "oci:\(directory.path)/x"), String(layer), "r.example/a:1")
        #expect(!Files.exists(directory.path + "/x"))
    }

    @Test("a conversion into containerd that fails leaves no image and no lease")
    func failed() throws {
        let layout = try TestImages.busybox(in: directory.path)
        let blobs = layout + "/blobs/sha256"
        for name in try Files.entries(blobs) where try Files.read(blobs + "/" + name, limit: 1 << 30).count > 100_000 {
            try TestSupport.run("sh", ["-c", "printf x | dd of=\(blobs)/\(name) bs=1 seek=50000 conv=notrunc status=none"])
        }
        let result = try convert("oci:\(layout):latest", "containerd:r.example/bad:1")
        expectOneLine(result, "sha256:")
        #expect(try images().isEmpty)
        #expect(try containerd.ctr(["leases", "ls", "-q"]).outputText.isEmpty)
    }

    @Test("an interrupted conversion into containerd takes its lease with it, and leaves neither an image nor half an upload")
    func interrupted() throws {
        let program = try Starling.start([
            "convert", "--progress", "plain", "--jobs", "1", "--containerd", containerd.socket, "oci:\(fixture.layout):latest",
            "containerd:r.example/python:3",
        ])
        try waitUntil("the conversion has begun") { program.error.contains("converting") }
        #expect(try !containerd.ctr(["leases", "ls", "-q"]).outputText.isEmpty)
        program.kill(SIGINT)
        #expect(try program.wait() == 128 + SIGINT)
        #expect(program.error.hasSuffix("starling: interrupted by signal 2\n"), "\(program.error)")
        #expect(try images().isEmpty)
        #expect(try containerd.ctr(["leases", "ls", "-q"]).outputText.isEmpty)
        #expect(try containerd.ctr(["content", "active"]).outputText.split(separator: "\n").count <= 1)
    }
}

@Suite("starling convert from and to newer containerds", .serialized)
struct NewerContainerdTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory(in: Paths.spoolDirectory) }

    @Test(
        "an image goes in, is converted inside and comes out, and stays whole when what it was made of is collected",
        arguments: [(ContainerdServer.Release.debian("trixie"), "1.7."), (.debian("sid"), "2.")])
    func roundTrip(release: ContainerdServer.Release, version: String) throws {
        let containerd = try ContainerdServer(release, snapshotter: directory.path + "/no-snapshotter.sock")
        let server = try containerd.ctr(["version"]).outputText.split(separator: "Server:").last ?? ""
        #expect(server.contains("Version:  \(version)"), "\(server)")

        func convert(_ options: String..., from source: String, to target: String) throws -> String {
            try Starling.succeed(["convert", "--containerd", containerd.socket] + options + [source, target]).outputText
        }
        let layout = "oci:\(try TestImages.busybox(in: directory.path)):latest"
        let (first, second) = ("r.example/busybox:1", "r.example/busybox:2")
        let digest = try convert(from: layout, to: "containerd:" + first)
        #expect(try convert("--chunk-size", "65536", "--no-reuse", from: "containerd:" + first, to: "containerd:" + second) != digest)
        #expect(try containerd.ctr(["image", "ls", "-q"]).outputText == first + "\n" + second + "\n")
        #expect(try containerd.ctr(["leases", "ls", "-q"]).outputText.isEmpty)
        #expect(try convert(from: "containerd:" + first, to: "oci:\(directory.path)/out:latest") == digest)

        try containerd.ctr(["image", "rm", "--sync", first])
        #expect(try containerd.ctr(["image", "check"]).outputText.contains("complete (2/2)"))
        #expect(try convert("--no-reuse", from: "containerd:" + second, to: "oci:\(directory.path)/again:latest") == digest)
    }
}
