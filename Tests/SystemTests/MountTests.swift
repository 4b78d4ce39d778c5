import ContainerRun
import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling mount and umount, with a real registry", .serialized)
struct MountTests {
    private let stage: FetchStage

    init() throws {
        stage = try FetchStage()
        try Files.makeDirectories(target)
    }

    private var root: String { stage.root }
    private var target: String { stage.directory.path + "/target" }

    private func arguments(_ tag: String, _ more: [String] = []) -> [String] {
        ["mount", "--mode", ModeUnderTest.name, "--root", root] + more + [stage.reference(tag), target]
    }

    private func umount(_ more: [String] = []) throws -> Program.Result { try Starling.run(["umount", "--root", root] + more + [target]) }

    private func served() throws -> [ImageMount.Record] { try ImageMount.records(root: root) }

    private func expectNothingLeft() throws {
        try waitUntil("no process is left") { try MachineState.processes(mentioning: root).isEmpty }
        try stage.expectNothingLeft()
    }

    @Test("an image is there when the command returns, little of it is fetched, and it is the unpacked one; umount leaves nothing")
    func mount() throws {
        let result = try Starling.succeed(arguments("lazy"))
        #expect(result.output.isEmpty && result.errorText.isEmpty)
        #expect(try Files.read(target + "/etc/debian_version", limit: 100).count > 2)
        #expect(try stage.proxy.bytesDown < stage.fixture.layerSize("lazy") / 3)
        #expect(throws: HostError.self) { try AtomicFile.write([1], to: target + "/etc/new") }
        let listed = try Starling.succeed(["mount", "--root", root])
        #expect(listed.outputText == "\(stage.reference("lazy")) on \(target)\n")
        let plain = stage.directory.path + "/plain"
        try Files.makeDirectories(plain)
        try Starling.succeed(["mount", "--root", root, stage.reference("plain"), plain])
        // What `starling check` compares, the kernel's way: names, types, modes, owners, sizes, times, targets, contents.
        let list =
            #"find . -xdev \( -type d -printf '%p %y %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %n %l\n' \) | sort; "#
            + "find ./usr/lib/python3* ./etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum"
        let (left, right) = (
            try run("sh", ["-c", list], workingDirectory: target, deadline: .seconds(120)).outputText.split(separator: "\n"),
            try run("sh", ["-c", list], workingDirectory: plain, deadline: .seconds(120)).outputText.split(separator: "\n")
        )
        #expect(left == right && left.count > 4000, "\(left.difference(from: right).prefix(10))")
        try Starling.succeed(["umount", "--root", root, target, plain])
        try expectNothingLeft()
    }

    @Test("what is in use stays mounted and is no less readable for it, unless it is to be detached")
    func busy() throws {
        try Starling.succeed(arguments("lazy"))
        let descriptor = open(target + "/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        let refused = try umount()
        #expect(refused.status == 1 && refused.errorText.contains("in use"), "\(refused.errorText)")
        #expect(try !Files.entries(target + "/usr").isEmpty)
        #expect(try umount(["--lazy"]).status == 0)
        #expect(try Files.entries(target).isEmpty)
    }

    @Test("umount(8) ends the process that serves it, too; a second umount says that there is nothing")
    func plainUmount() throws {
        try Starling.succeed(arguments("lazy"))
        try run("umount", [target])
        try expectNothingLeft()
        let again = try umount()
        #expect(again.status == 1 && again.errorText.contains("no image is mounted there"), "\(again.errorText)")
    }

    @Test("a process that is killed leaves a mount, which the next command removes")
    func killed() throws {
        try Starling.succeed(arguments("lazy"))
        let process = try #require(try served().first?.process)
        kill(process, SIGKILL)
        try waitUntil("it is dead") { access("/proc/\(process)", F_OK) != 0 }
        #expect(try Starling.succeed(["mount", "--root", root]).outputText.isEmpty)
        try expectNothingLeft()
    }

    @Test("in the foreground it serves until it is interrupted", arguments: [SIGINT, SIGTERM])
    func foreground(signal: Int32) throws {
        let program = try Starling.start(arguments("lazy", ["--foreground"]))
        try waitUntil("it is mounted", deadline: .seconds(60)) { Files.exists(target + "/etc/debian_version") }
        program.kill(signal)
        #expect(try program.wait() == 0, "\(program.error)")
        try expectNothingLeft()
    }

    @Test("what cannot be mounted says so in one line, and leaves nothing", arguments: ["image", "directory", "file"])
    func refused(fault: String) throws {
        var arguments = arguments(fault == "image" ? "none" : "lazy")
        if fault == "directory" { arguments[arguments.count - 1] += "/none" }
        if fault == "file" {
            arguments[arguments.count - 1] += ".txt"
            try AtomicFile.write([1], to: target + ".txt")
        }
        let result = try Starling.run(arguments)
        #expect(result.status == 1 && result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        #expect(result.errorText.contains(fault == "image" ? ":none" : arguments.last ?? ""), "\(result.errorText)")
        try expectNothingLeft()
    }
}
