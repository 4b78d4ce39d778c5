import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling convert, killed with SIGKILL in the middle of a layer", .serialized)
struct KilledConversionTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
    }

    private var temporary: String { directory.path + "/tmp" }

    /// Converts and kills the process when it has a part of the layer in a file below `place`.
    private func convertAndKill(to target: String, waitingIn place: String) throws {
        try Files.makeDirectories(temporary)
        let program = try Starling.start(
            ["convert", "--progress", "none", "--jobs", "1", "oci:\(fixture.layout):latest", target],
            environment: ["PATH=/usr/bin:/bin", "HOME=/root", "TMPDIR=" + temporary])
        try waitUntil("a part of the layer waits in \(place)") {
            #expect(program.error.isEmpty, "\(program.error)")
            return try KilledConversionTests.hasPart(below: place, program.processID)
        }
        program.kill(SIGKILL)
        #expect(try program.wait() == 128 + SIGKILL)
    }

    private static func hasPart(below place: String, _ process: Int32) throws -> Bool {
        let descriptors = "/proc/\(process)/fd/"
        return try Files.entries(descriptors).contains { name in
            var facts = stat()
            guard let path = try? TreeListing.target(descriptors + name) else { return false }
            return path.hasPrefix(place + "/") && stat(descriptors + name, &facts) == 0 && facts.st_size > 0
        }
    }

    private func tree() throws -> String { try TestSupport.run("find", [directory.path, "!", "-path", temporary]).outputText }

    @Test(
        "nothing is left, in the destination or where layers wait",
        arguments: ["oci:NEW:latest", "oci:OLD:latest", "oci-archive:image.tar", "docker-archive:image.tar:app:1", "registry"])
    func nothingIsLeft(target: String) throws {
        let isOld = target.hasPrefix("oci:OLD")
        if isOld { try Files.move(try TestImages.busybox(in: directory.path), to: directory.path + "/OLD") }
        let before = try tree()
        let colon = target.firstIndex(of: ":").map { target[...$0] } ?? ""
        let place = isOld ? directory.path + "/OLD/blobs/sha256" : colon.isEmpty ? temporary : directory.path
        try convertAndKill(
            to: colon.isEmpty ? "\(fixture.registry.address)/killed/image:1" : colon + directory.path + "/" + target.dropFirst(colon.count),
            waitingIn: place)
        #expect(try tree() == before)
        #expect(try Files.entries(temporary).isEmpty)
    }

    @Test(
        "where files need names, the next conversion removes what is left",
        arguments: [("oci", ":latest"), ("oci-archive", "")])
    func nextRemoves(transport: String, tag: String) throws {
        let mount = try BindFileSystem()
        let target = "\(transport):\(mount.path)/image\(tag)"
        try convertAndKill(to: target, waitingIn: mount.path)
        let left = try Files.entries(mount.path)
        #expect(left.count == 1 && left[0].hasPrefix(".starling-"))
        try Starling.succeed(["convert", "oci:\(try TestImages.busybox(in: directory.path)):latest", target])
        #expect(try Files.entries(mount.path) == ["image"])
        #expect(try TestSupport.run("find", [mount.path, "-name", ".*"]).outputText.isEmpty)
        try TestSupport.run("skopeo", ["inspect", "--raw", target])
    }
}
