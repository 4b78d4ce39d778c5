import Glibc
import HostSystem
import TestSupport
import Testing

/// Every containerd that is supported, in every way that an image gets into it: `starling pull`, its transfer service, and kubelet's interface.
@Suite("containerd 1.6, 1.7 and 2.1 with starlingd as their snapshotter", .serialized)
struct ReleasesTests {
    private let stage: CountedStage

    init() throws { stage = try CountedStage() }

    /// Whether the daemon serves layers of an image lazily.
    private func isLazy(_ reference: String) throws -> Bool {
        try stage.status().contains("image    \(reference)")
    }

    private func expectFewBytes(_ what: String) throws {
        let size = try stage.fixture.layerSize("lazy")
        #expect(stage.proxy.bytesDown > 0 && stage.proxy.bytesDown < size / 3, "\(what): \(stage.proxy.bytesDown) of \(size) bytes")
    }

    @Test("ctr runs what starling pull has pulled lazily, and what it pulls itself", arguments: ContainerdServer.Release.all)
    func ctr(release: ContainerdServer.Release) throws {
        let containerd = try ContainerdServer(release, snapshotter: stage.daemon.socket)
        func hello(_ reference: String) throws {
            let result = try containerd.ctr([
                "run", "--rm", "--snapshotter", "stargz", reference, "t1", "python3", "-c", #"print("hello")"#,
            ])
            #expect(result.outputText == "hello\n", "\(stage.daemon.log)")
        }
        let lazy = stage.reference("lazy")
        try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", "--label", "team=blue", lazy])
        #expect(try isLazy(lazy))
        try hello(lazy)
        try expectFewBytes("starling pull and ctr run")
        #expect(try containerd.ctr(["image", "ls", "name==\(lazy)"]).outputText.contains("team=blue"))
        let plain = stage.reference("plain")
        try containerd.ctr(["image", "pull", "--snapshotter", "stargz", "--plain-http", plain], deadline: .seconds(300))
        try hello(plain)
        try containerd.ctr(["image", "rm", "--sync", lazy, plain])
        let snapshots = try containerd.ctr(["snapshot", "--snapshotter", "stargz", "ls"])
        #expect(snapshots.outputText.split(separator: "\n").count == 1, "\(snapshots.outputText)")
    }

    @Test("ctr image pull of containerd 2 is lazy by itself: its transfer service tells the snapshotter which layers there are")
    func transferService() throws {
        let containerd = try ContainerdServer(.debian("sid"), snapshotter: stage.daemon.socket)
        let lazy = stage.reference("lazy")
        try containerd.ctr(["image", "pull", "--snapshotter", "stargz", "--plain-http", lazy], deadline: .seconds(300))
        #expect(try isLazy(lazy), "\(stage.daemon.log)")
        let result = try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", lazy, "t1", "python3", "-c", #"print("hello")"#])
        #expect(result.outputText == "hello\n", "\(stage.daemon.log)")
        try expectFewBytes("ctr image pull and run")
        try containerd.ctr(["image", "rm", "--sync", lazy])
        try waitUntil("the layer goes with its image") { try !isLazy(lazy) }
    }

    @Test("a container in a user namespace sees the lazy layers as its own, and writes as itself; the daemon may be killed meanwhile")
    func userNamespace() throws {
        let setup = ContainerdSetup(snapshotterRoot: stage.daemon.root, remapsIDs: true)
        let containerd = try ContainerdServer(.debian("sid"), snapshotter: stage.daemon.socket, setup: setup)
        let lazy = stage.reference("lazy")
        try containerd.ctr(["image", "pull", "--snapshotter", "stargz", "--plain-http", lazy], deadline: .seconds(300))
        let program = """
            import os
            open("/root/written", "w").close()
            for name in "/usr/bin/python3", "/root/written", "/", "/.stargz-snapshotter": print(os.stat(name).st_uid, os.stat(name).st_gid)
            print(open("/proc/self/uid_map").read().split())
            """
        func run(_ name: String) throws -> String {
            try containerd.ctr(
                [
                    "run", "--rm", "--snapshotter", "stargz", "--remap-labels", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536",
                    lazy, name, "python3", "-c", program,
                ]
            ).outputText
        }
        let expected = String(repeating: "0 0\n", count: 4) + "['0', '100000', '65536']\n"
        #expect(try run("t1") == expected, "\(stage.daemon.log)")
        try stage.daemon.end(SIGKILL)
        try stage.daemon.start()
        try containerd.waitForSnapshotter()
        #expect(try run("t2") == expected, "\(stage.daemon.log)")
        try expectFewBytes("a user namespace")
        try containerd.ctr(["image", "rm", "--sync", lazy])
        #expect(try !Mounts.mountPoints().contains { $0.path.hasPrefix(stage.daemon.root + "/snapshotter/") })
    }

    /// A pod's own image, with a program that waits, ordinary and in the registry.
    private func sandboxImage() throws -> String {
        let layout = try TestImages.busybox(in: stage.directory.path, execution: #"{"Entrypoint":["/bin/sleep","86400"]}"#)
        try stage.fixture.registry.push("oci:\(layout):latest", as: "pause:1")
        return "\(stage.fixture.registry.address)/pause:1"
    }

    private func podContainerd(_ release: ContainerdServer.Release) throws -> ContainerdServer {
        let setup = ContainerdSetup(servesCRI: true, sandboxImage: try sandboxImage(), snapshotterRoot: stage.daemon.root)
        return try ContainerdServer(release, snapshotter: stage.daemon.socket, setup: setup)
    }

    @Test(
        "kubelet's calls: an image is pulled lazily, a pod runs on it, logs, executes and is measured, and all of it goes again",
        arguments: ContainerdServer.Release.all)
    func pods(release: ContainerdServer.Release) async throws {
        let containerd = try podContainerd(release)
        let lazy = stage.reference("lazy")
        try await PodRuntime.connect(containerd) { pods in
            let id = try await pods.pull(lazy)
            #expect(id.hasPrefix("sha256:"))
            #expect(try isLazy(lazy), "\(stage.daemon.log)")
            let program = #"print("hello", flush=True); import time; time.sleep(600)"#
            try await pods.withContainer(of: lazy, command: ["python3", "-c", program]) { container in
                try waitUntil("the container's output is in its log", deadline: .seconds(60)) { container.log.contains(" F hello\n") }
                #expect(try await container.exec("python3", "-c", "print(6 * 7)") == "42\n")
                try expectFewBytes("PullImage and a pod")
                // containerd measures every ten seconds.
                _ = try await container.exec("sh", "-c", "head -c 3000000 /dev/urandom > /root/written")
                var written: UInt64 = 0
                for _ in 0..<300 where written < 3_000_000 {
                    try await Task.sleep(for: .milliseconds(100))
                    written = (try? await container.writtenBytes) ?? 0
                }
                #expect(written >= 3_000_000 && written < 4_000_000, "\(written)")
                let here = UInt64(try diskBytes(stage.daemon.root + "/layers"))
                var images = try await pods.imageFileSystem()
                // That, too, is measured every ten seconds, and may have been when nothing was here yet.
                for _ in 0..<300 where (images?.usedBytes ?? 0) <= here / 2 {
                    try await Task.sleep(for: .milliseconds(100))
                    images = try await pods.imageFileSystem()
                }
                let (mountpoint, used) = try #require(images, "no image file system")
                // containerd 1.6 knows of no other place than its own.
                #expect(mountpoint == stage.daemon.root || release.description == "installed")
                // Of the layer what is here, not what the image has; and beside it the pod's own image.
                #expect(used > here / 2 && used < here + 10_000_000, "\(used) \(here)")
            }
            try await pods.remove(lazy)
            try waitUntil("the layer goes with its image", deadline: .seconds(60)) { try !isLazy(lazy) }
        }
    }

    @Test("a pod runs on what starling pull has recorded, without another pull", arguments: ContainerdServer.Release.all)
    func recorded(release: ContainerdServer.Release) async throws {
        let containerd = try podContainerd(release)
        let lazy = stage.reference("lazy")
        try Starling.succeed([
            "pull", "--containerd", containerd.socket, "--namespace", "k8s.io", "--plain-http", "--lazy", "require", lazy,
        ])
        try await PodRuntime.connect(containerd) { pods in
            var isKnown = false
            for _ in 0..<100 where !isKnown {
                isKnown = try await pods.has(lazy)
                if !isKnown { try await Task.sleep(for: .milliseconds(100)) }
            }
            #expect(isKnown, "\(containerd.log)")
            let program = #"print("hello", flush=True); import time; time.sleep(600)"#
            try await pods.withContainer(of: lazy, command: ["python3", "-c", program]) { container in
                try waitUntil("the container's output is in its log", deadline: .seconds(60)) { container.log.contains(" F hello\n") }
            }
        }
        try expectFewBytes("starling pull and a pod")
    }

    @Test("layers above one that is not lazy stay lazy, however they are pulled", arguments: ContainerdServer.Release.all)
    func above(release: ContainerdServer.Release) async throws {
        let layout = stage.directory.path + "/mixed"
        try TestSupport.run(
            "skopeo",
            ["copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "docker://\(stage.fixture.lazy)", "oci:\(layout):latest"],
            deadline: .seconds(120))
        try TestImages.addLowestLayer(to: layout, file: TestImages.File("lowest", "ordinary\n"))
        try stage.fixture.registry.push("oci:\(layout):latest", as: SystemFixture.repository + ":mixed")
        let mixed = stage.reference("mixed")
        let containerd = try podContainerd(release)
        let pull = try Starling.succeed(["pull", "--containerd", containerd.socket, "--plain-http", mixed]).errorText
        #expect(pull.contains("layer 1 of 2:") && pull.contains("pulled"), "\(pull)")
        #expect(pull.contains("layer 2 of 2:") && pull.contains(": lazy"), "\(pull)")
        let program = #"print(open("/lowest").read())"#
        let result = try containerd.ctr(["run", "--rm", "--snapshotter", "stargz", mixed, "t1", "python3", "-c", program])
        #expect(result.outputText == "ordinary\n\n", "\(stage.daemon.log)")
        try expectFewBytes("starling pull of a mixed image")
        try containerd.ctr(["image", "rm", "--sync", mixed])
        try waitUntil("the layer goes with its image") { try !isLazy(mixed) }

        // kubelet's pull: containerd fetches all layers from the first on that it has to unpack, but unpacks only that one.
        try await PodRuntime.connect(containerd) { pods in
            _ = try await pods.pull(mixed)
            #expect(try isLazy(mixed), "\(stage.daemon.log)")
            try await pods.withContainer(of: mixed, command: ["python3", "-c", program + "; import time; time.sleep(600)"]) { container in
                let lowest = try await container.exec("cat", "/lowest")
                #expect(lowest == "ordinary\n")
            }
        }
    }

    private func diskBytes(_ directory: String) throws -> Int {
        let output = try TestSupport.run("du", ["-s", "--block-size=1", directory]).outputText
        return try #require(Int(output.prefix { $0.isNumber }))
    }
}
