import Digests
import HostSystem
import OCI
import TestSupport
import Testing

@Suite("looking into an image in a registry", .serialized)
struct InspectTests {
    private let fixture: SystemFixture
    private let proxy: CountingProxy

    init() throws {
        fixture = try SystemFixture.shared()
        proxy = try CountingProxy(to: fixture.registry.port)
    }

    private var lazy: String { "\(proxy.address)/\(SystemFixture.repository):lazy" }
    private var plain: String { "\(proxy.address)/\(SystemFixture.repository):plain" }

    @Test("inspect, ls, cat and toc-digest fetch the TOC and the chunks that are wanted, not the layer")
    func ranges() throws {
        let text = try Starling.succeed(["inspect", "--json", lazy]).output
        let document = try Documents.decode(JSONValue.self, from: text, what: "inspect")
        let layer = try #require(document["layers"]?.array?.first)
        #expect(layer["format"] == .string("estargz"))
        let annotation = layer["annotations"]?["containerd.io/snapshot/stargz/toc.digest"]
        #expect(annotation != nil && layer["tocDigest"] == annotation)
        #expect(try Starling.succeed(["toc-digest", lazy]).outputText == (annotation?.string ?? "") + "\n")
        let listing = try Starling.succeed(["ls", "-l", lazy, "/etc"]).outputText
        #expect(listing.contains(" os-release -> ../usr/lib/os-release\n") && listing.contains("-rw-r--r--"))
        #expect(try Starling.succeed(["ls", lazy, "/bin"]).outputText.split(separator: "\n").contains("bash"))
        let release = try Starling.succeed(["cat", lazy, "/etc/os-release"]).outputText
        #expect(release.contains("VERSION_CODENAME=bookworm"))
        let size = try fixture.layerSize("lazy")
        #expect(proxy.bytesDown < size / 5, "\(proxy.bytesDown) of \(size) bytes")
    }

    @Test("verify and check say that the conversion is right, and what is not there is one line")
    func verify() throws {
        #expect(try Starling.succeed(["verify", lazy]).outputText.hasPrefix("layer 1 of 1 sha256:"))
        #expect(try Starling.succeed(["check", plain, lazy]).output.isEmpty)
        for arguments in [["ls", lazy, "/none"], ["cat", lazy, "/none"], ["cat", plain, "/etc/passwd"], ["inspect", lazy + "x"]] {
            let result = try Starling.run(arguments)
            #expect(result.status == 1 && result.errorText.split(separator: "\n").count == 1, "\(arguments): \(result.errorText)")
        }
    }
}
