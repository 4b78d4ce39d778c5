import HostSystem
import TestSupport
import Testing

@Suite("Bad input to convert and run", .serialized)
struct BadInputTests {
    private let fixture: SystemFixture
    private let directory: TemporaryDirectory

    init() throws {
        fixture = try SystemFixture.shared()
        directory = try TemporaryDirectory(in: Paths.spoolDirectory)
    }

    /// Something that no image can be made of, and what the message must contain.
    enum Case: CaseIterable, Sendable {
        case invalidReference, unknownTag, unknownRepository, unreachable, unauthorized, forbidden, serverError, notAnImage,
            unsupportedLayer
        case missingLayout, notALayout, missingArchive
    }

    private func source(_ bad: Case) throws -> (source: String, words: [String], keep: [AnyObject]) {
        let address = fixture.registry.address
        func canned(_ status: String, _ words: String...) throws -> (String, [String], [AnyObject]) {
            let server = try CannedHTTPServer(status: status)
            return ("\(server.address)/some/image:tag", [server.address] + words, [server])
        }
        switch bad {
        case .invalidReference: return ("UPPER/case:tag", ["UPPER/case"], [])
        case .unknownTag: return ("\(address)/\(SystemFixture.repository):none", [address, "none"], [])
        case .unknownRepository: return ("\(address)/no/such:tag", [address, "no/such"], [])
        case .unreachable:
            let port = try Loopback.freePort()
            return ("127.0.0.1:\(port)/some/image:tag", ["127.0.0.1:\(port)"], [])
        case .unauthorized: return try canned("401 Unauthorized", "401")
        case .forbidden: return try canned("403 Forbidden", "403")
        case .serverError: return try canned("404 Not Found", "some/image")
        case .notAnImage:
            let server = try CannedHTTPServer(
                status: "200 OK", headers: ["Content-Type: application/vnd.oci.image.manifest.v1+json"], body: #"{"hello":"world"}"#)
            return ("\(server.address)/some/image:tag", [server.address], [server])
        case .unsupportedLayer: return (try unsupportedLayout(), ["application/vnd.example.unknown"], [])
        case .missingLayout: return ("oci:\(directory.path)/nowhere:latest", [directory.path + "/nowhere"], [])
        case .notALayout:
            try Files.makeDirectories(directory.path + "/empty")
            return ("oci:\(directory.path)/empty:latest", [directory.path + "/empty"], [])
        case .missingArchive: return ("oci-archive:\(directory.path)/none.tar", [directory.path + "/none.tar"], [])
        }
    }

    /// A layout whose layer has a media type that nobody knows.
    private func unsupportedLayout() throws -> String {
        let path = directory.path + "/unsupported"
        let layout = try TestImages.busybox(in: path)
        let blobs = layout + "/blobs/sha256"
        for name in try Files.entries(blobs) {
            let bytes = try Files.read(blobs + "/" + name, limit: 64 << 20)
            guard bytes.count < 10_000 else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.contains("image.layer.v1.tar+gzip") else { continue }
            let changed = text.replacing("application/vnd.oci.image.layer.v1.tar+gzip", with: "application/vnd.example.unknown")
            try TestImages.replaceManifest(in: layout, with: Array(changed.utf8))
        }
        return "oci:\(layout):latest"
    }

    private func expectOneLine(_ result: Program.Result, _ words: [String]) {
        #expect(result.status != 0)
        #expect(result.output.isEmpty, "\(result.outputText)")
        #expect(result.errorText.hasSuffix("\n") && result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
        for word in words { #expect(result.errorText.contains(word), "\"\(word)\" is not in: \(result.errorText)") }
    }

    @Test("a source that cannot be converted is named in one line, and nothing is written", arguments: Case.allCases)
    func convert(bad: Case) throws {
        let (source, words, keep) = try source(bad)
        let scratch = directory.path + "/tmp"
        try Files.makeDirectories(scratch)
        let target = "\(fixture.registry.address)/bad/target:\(bad)"
        let result = try Program.run(
            Places.product("starling"), ["convert", source, target], environment: ["PATH=/usr/bin:/bin", "HOME=/root", "TMPDIR=" + scratch])
        expectOneLine(result, words)
        #expect(try fixture.registry.tags("bad/target").isEmpty)
        #expect(try Files.entries(scratch).isEmpty)
        withExtendedLifetime(keep) {}
    }

    @Test(
        "an image that cannot be run is named in one line with exit status 125, and nothing is left",
        arguments: [
            Case.invalidReference, .unknownTag, .unknownRepository, .unreachable, .unauthorized, .forbidden, .serverError, .notAnImage,
        ])
    func run(bad: Case) throws {
        let (source, words, keep) = try source(bad)
        let root = directory.path + "/root"
        let before = try MachineState()
        let result = try Starling.run(["run", "--rm", "--root", root, source, "true"])
        expectOneLine(result, words)
        #expect(result.status == 125 || bad == .invalidReference)
        #expect(try MachineState() == before)
        #expect(try bundles(in: root).isEmpty)
        withExtendedLifetime(keep) {}
    }

    @Test("a destination that cannot be written to is named in one line before anything is converted")
    func destinations() throws {
        let image = "oci:\(try TestImages.busybox(in: directory.path)):latest"
        try AtomicFile.write([], to: directory.path + "/file")
        let port = try Loopback.freePort()
        let unauthorized = try CannedHTTPServer(status: "401 Unauthorized")
        for (target, word) in [
            ("oci:\(directory.path)/file/below:latest", directory.path + "/file"),
            ("oci-archive:\(directory.path)/no/such/dir/image.tar", directory.path + "/no/such/dir"),
            ("127.0.0.1:\(port)/a/b:tag", "127.0.0.1:\(port)"), ("\(unauthorized.address)/a/b:tag", "401"),
        ] {
            expectOneLine(try Starling.run(["convert", image, target]), [word])
        }
        #expect(try Files.entries(directory.path) == ["file", "layout"])
    }

    @Test("a blob that was damaged in the registry is refused and named; the new image gets no tag")
    func damagedBlob() throws {
        let layout = try TestImages.busybox(in: directory.path)
        let registry = try RegistryServer()
        try registry.push("oci:\(layout):latest", as: "damaged:plain")
        let largest = try TestSupport.run(
            "find", [registry.storage + "/docker/registry/v2/blobs", "-name", "data", "-size", "+100k"]
        ).outputText.dropLast()
        try TestSupport.run("sh", ["-c", "printf x | dd of=\(largest) bs=1 seek=50000 conv=notrunc status=none"])
        let result = try Starling.run([
            "convert", "--progress", "none", "\(registry.address)/damaged:plain", "\(registry.address)/damaged:lazy",
        ])
        expectOneLine(result, ["sha256:"])
        #expect(try registry.tags("damaged") == ["plain"])
    }
}
