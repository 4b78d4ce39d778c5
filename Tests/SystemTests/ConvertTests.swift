import Glibc
import HostSystem
import TestSupport
import Testing

@Suite("starling convert, with a real registry", .serialized)
struct ConvertTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
    }

    /// Copies an image out of the registry with skopeo and unpacks it with umoci.
    private func unpack(_ reference: String, _ name: String) throws -> TreeListing {
        let layout = directory.path + "/" + name
        try TestSupport.run(
            "skopeo", ["copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "docker://" + reference, "oci:\(layout):latest"],
            deadline: .seconds(120))
        try TestSupport.run(
            "umoci", ["raw", "unpack", "--keep-dirlinks", "--image", layout + ":latest", directory.path + "/" + name + "-root"],
            deadline: .seconds(300))
        // What eStargz adds to the archive is not of the image.
        return try TreeListing(directory.path + "/" + name + "-root") {
            !["stargz.index.json", ".prefetch.landmark", ".no.prefetch.landmark"].contains($0)
        }
    }

    @Test("only the digest is printed, and it is the one that the registry has")
    func digest() throws {
        let raw = try TestSupport.run("skopeo", ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://" + fixture.lazy])
        #expect(raw.outputText == fixture.converted)
        #expect(fixture.converted.wholeMatch(of: #/sha256:[0-9a-f]{64}\n/#) != nil)
    }

    @Test("skopeo copies and umoci unpacks the result to the same tree as the source")
    func sameTree() throws {
        let plain = try unpack(fixture.plain, "plain")
        let lazy = try unpack(fixture.lazy, "lazy")
        #expect(plain.files.count > 5000)
        // The top has a new time: files were put into it and left out of the listing.
        var (left, right) = (plain, lazy)
        left.files["."]?.modified = 0
        right.files["."]?.modified = 0
        #expect(left == right, "\(left.differences(from: right).joined(separator: "\n"))")
    }

    @Test("the same input gives the same bytes, and into a layout and an archive the same image as into a registry")
    func deterministic() throws {
        for target in ["oci:\(directory.path)/layout:latest", "oci-archive:\(directory.path)/image.tar"] {
            let result = try Starling.succeed(["convert", "oci:\(fixture.layout):latest", target], deadline: .seconds(600))
            #expect(result.outputText == fixture.converted, "\(target)")
        }
    }

    @Test(
        "an interrupted conversion ends with the signal's status, tags nothing and leaves no temporary file", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let root = directory.path + "/root"
        let target = "\(fixture.registry.address)/interrupted/image"
        let program = try Starling.start(["convert", "--root", root, "--progress", "plain", fixture.plain, target + ":new"])
        try waitUntil("the conversion is under way") { program.error.contains("converting") }
        program.kill(signal)
        #expect(try program.wait() == 128 + signal)
        #expect(program.output.isEmpty && program.error.hasSuffix("interrupted by signal \(signal)\n"), "\(program.error)")
        #expect(try fixture.registry.tags("interrupted/image").isEmpty)
        #expect(try Files.entries(root + "/tmp").isEmpty)
    }

    @Test("an image that is converted already keeps its layers")
    func again() throws {
        let result = try Starling.succeed(["convert", fixture.lazy, "oci:\(directory.path)/again:latest"], deadline: .seconds(600))
        #expect(result.outputText == fixture.converted)
    }
}
