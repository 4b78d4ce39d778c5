import ContainerRun
import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling mount as an ordinary user, with a real registry and fusermount3", .serialized)
struct RootlessMountTests {
    private let fixture: SystemFixture
    private let proxy: CountingProxy
    private let user: ContainerUser

    init() throws {
        fixture = try SystemFixture.shared()
        try requireProgram("fusermount3", package: "fuse3")
        proxy = try CountingProxy(to: fixture.registry.port)
        user = try ContainerUser(.ordinary)
        try user.succeed("mkdir", [target])
    }

    private var target: String { user.home + "/target" }
    private func reference(_ tag: String) -> String { "\(proxy.address)/\(SystemFixture.repository):\(tag)" }

    /// Looks at what only the user sees.
    private func look(_ script: String) throws -> String { try user.succeed("sh", ["-c", "cd \(target) && \(script)"]) }

    private func expectNothingLeft() throws {
        try waitUntil("no process is left") { try MachineState.processes(mentioning: target).isEmpty }
        #expect(try Mounts.mountPoint(at: target) == nil)
        #expect(try bundles(in: user.home + "/.local/share/starling").isEmpty)
    }

    @Test("the image is there when the command returns, little of it is fetched, and it is the one that root sees; umount leaves nothing")
    func mount() throws {
        let result = try user.starling(["mount", reference("lazy"), target])
        #expect(result.status == 0 && result.output.isEmpty && result.errorText.isEmpty, "\(result.errorText)")
        #expect(try look("cat etc/debian_version").count > 2)
        #expect(try proxy.bytesDown < fixture.layerSize("lazy") / 3)
        #expect(try user.starling(["mount"]).outputText == "\(reference("lazy")) on \(target)\n")
        let directory = try TemporaryDirectory(in: Paths.spoolDirectory)
        let (root, store) = (directory.path + "/target", directory.path + "/root")
        try Files.makeDirectories(root)
        try Starling.succeed(["mount", "--root", store, reference("lazy"), root])
        let list =
            #"find . \( -type d -printf '%p %y %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %n %l\n' \) | sort; "#
            + "find ./usr/lib/python3* ./etc -type f -print0 | sort -z | xargs -0 sha256sum"
        let (left, right) = (try look(list), try run("sh", ["-c", list], workingDirectory: root, deadline: .seconds(120)).outputText)
        try Starling.succeed(["umount", "--root", store, root])
        #expect(left == right && left.split(separator: "\n").count > 4000)
        #expect(try user.starling(["umount", target]).status == 0)
        try expectNothingLeft()
    }

    @Test("three layers are one tree")
    func layered() throws {
        let images = try TemporaryDirectory(in: Paths.spoolDirectory)
        let layout = try TestImages.layered(in: images.path)
        try fixture.registry.push("oci:\(layout):latest", as: SystemFixture.repository + ":layered")
        try Starling.succeed(["convert", reference("layered"), reference("layered-lazy")])
        #expect(try user.starling(["mount", reference("layered-lazy"), target]).status == 0)
        #expect(try look("ls opaque deleted; cat replaced kept/file") == "deleted:\ntree\n\nopaque:\nbelow\nnew\nsecond\nbase\n")
        #expect(try user.starling(["umount", target]).status == 0)
        try expectNothingLeft()
    }

    @Test("what is in use stays mounted, unless it is to be detached")
    func busy() throws {
        #expect(try user.starling(["mount", reference("lazy"), target]).status == 0)
        let inside = try user.start("sh", ["-c", "cd \(target)/etc && echo in && exec sleep 1000"])
        try waitUntil("somebody is in it") { inside.output == "in\n" }
        let refused = try user.starling(["umount", target])
        #expect(refused.status == 1 && refused.errorText.contains("in use"), "\(refused.errorText)")
        #expect(try user.starling(["umount", "--lazy", target]).status == 0)
        #expect(try look("ls").isEmpty)
        inside.kill(SIGKILL)
        _ = try inside.wait()
    }

    @Test("fusermount3 -u ends the process, a killed process leaves a mount that the next command removes, and an interrupted one none")
    func ends() throws {
        #expect(try user.starling(["mount", reference("lazy"), target]).status == 0)
        try user.succeed("fusermount3", ["-u", target])
        try expectNothingLeft()

        #expect(try user.starling(["mount", reference("lazy"), target]).status == 0)
        let process = try #require(try MachineState.processes(mentioning: target).first)
        kill(process, SIGKILL)
        try waitUntil("it is dead") { try MachineState.processes(mentioning: target).isEmpty }
        #expect(try user.starling(["mount"]).outputText.isEmpty)
        try expectNothingLeft()

        let program = try user.start(Places.product("starling"), ["mount", "--foreground", reference("lazy"), target])
        try waitUntil("it is mounted", deadline: .seconds(60)) { (try? look("ls").isEmpty) == false }
        program.kill(SIGINT)
        #expect(try program.wait() == 0, "\(program.error)")
        try expectNothingLeft()
    }

    @Test(
        "what an ordinary user cannot mount says so in one line, and nothing is pulled for it",
        arguments: [["plain"], ["lazy", "--mode", "native"]])
    func refused(words: [String]) throws {
        let result = try user.starling(["mount"] + words.dropFirst() + [reference(words[0]), target])
        #expect(result.status != 0 && result.errorText.contains("ordinary user"), "\(result.errorText)")
        #expect(try proxy.bytesDown < fixture.layerSize("plain") / 10)
        try expectNothingLeft()
    }
}
