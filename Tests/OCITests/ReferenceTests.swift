import Digests
import OCI
import Testing

@Suite("names of images")
struct ReferenceTests {
    static let digest = "sha256:" + String(repeating: "0a", count: 32)

    @Test(
        "references are normalized as docker does",
        arguments: [
            ("python", "docker.io/library/python:latest"), ("python:3", "docker.io/library/python:3"),
            ("user/app", "docker.io/user/app:latest"),
            ("index.docker.io/python", "docker.io/library/python:latest"), ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"), ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"), ("ghcr.io/o/r:Tag_1.0-x", "ghcr.io/o/r:Tag_1.0-x"),
            ("app@" + digest, "docker.io/library/app@" + digest), ("r.example/app:1@" + digest, "r.example/app:1@" + digest),
            ("r.example/a__b/c.d/e---f", "r.example/a__b/c.d/e---f:latest"),
        ])
    func normalized(text: String, full: String) throws {
        #expect(try Reference(parsing: text).description == full)
        #expect(try Reference(parsing: full).description == full)
    }

    @Test(
        "what is no reference is refused, quoted and with the form that is expected",
        arguments: [
            "", "/", "a/", "/a", "a//b", "A", "a:", "a:b:c", "a:.x", "a:" + String(repeating: "t", count: 129), "a@sha256:12", "a@md5:00",
            "host:99999/a", "host:x/a", "-a", "a-", "a..b", "a___b", "a b", "ü", String(repeating: "a", count: 250), "-host.example/a",
            "[zz]/a", "[\u{ff11}::]/a", "[\u{ff21}::1]:5000/a",
        ])
    func refused(text: String) {
        let error = #expect(throws: ReferenceError.self) { try Reference(parsing: text) }
        #expect(error?.description.contains("\"\(text)\"") == true && error?.description.contains("REPOSITORY") == true)
    }

    @Test(
        "a registry on loopback is told from others",
        arguments: [
            ("localhost:5000/a", true), ("127.0.0.1/a", true), ("127.5.6.7:1/a", true), ("[::1]:5000/a", true),
            ("127.evil.example/a", false),
            ("localhost.example/a", false), ("10.0.0.1:5000/a", false), ("python", false),
        ])
    func loopback(text: String, isLoopback: Bool) throws {
        #expect(try Reference(parsing: text).registryIsLoopback == isLoopback)
    }

    @Test("transports are skopeo's, and a bare name is a registry's")
    func transports() throws {
        #expect(try ImageName(parsing: "docker://app:1") == .registry(Reference(parsing: "app:1")))
        #expect(try ImageName(parsing: "app:1").description == "docker://docker.io/library/app:1")
        #expect(try ImageName(parsing: "oci:/a/b") == .layout(directory: "/a/b", tag: nil))
        #expect(try ImageName(parsing: "oci:dir:v1") == .layout(directory: "dir", tag: "v1"))
        #expect(try ImageName(parsing: "oci-archive:x.tar:v1") == .archive(file: "x.tar", tag: "v1"))
        let reference = try Reference(parsing: "r.example:5000/app:1")
        #expect(
            try ImageName(parsing: "docker-archive:x.tar:r.example:5000/app:1") == .dockerArchive(file: "x.tar", image: .tagged(reference)))
        #expect(try ImageName(parsing: "docker-archive:x.tar:app").description == "docker-archive:x.tar:docker.io/library/app:latest")
        #expect(try ImageName(parsing: "docker-archive:x.tar:@2") == .dockerArchive(file: "x.tar", image: .position(2)))
        #expect(try ImageName(parsing: "docker-archive:x.tar").description == "docker-archive:x.tar")
        #expect(try ImageName(parsing: "containerd:r.example:5000/app:1") == .containerd(reference))
        #expect(try ImageName(parsing: "containerd:app").description == "containerd:docker.io/library/app:latest")
        for bad in ["oci:", "oci-archive::v1", "docker-archive:", "docker-archive::app", "docker-daemon:x", "dir:/x"] {
            let error = #expect(throws: ImageNameError.self) { try ImageName(parsing: bad) }
            #expect(error?.description.contains("docker-archive:FILE[:REFERENCE] or containerd:REFERENCE") == true)
        }
        for bad in ["docker-archive:x.tar:@-1", "docker-archive:x.tar:app@" + Self.digest, "docker-archive:x.tar:A", "containerd:"] {
            #expect(throws: ReferenceError.self) { try ImageName(parsing: bad) }
        }
    }

    @Test("platforms match by system and architecture, and an absent variant matches any")
    func platforms() throws {
        let arm = try #require(Platform(parsing: "linux/aarch64"))
        #expect(arm.description == "linux/arm64")
        #expect(arm.matches(Platform(os: "linux", architecture: "arm64", variant: "v8")))
        #expect(!arm.matches(Platform(os: "windows", architecture: "arm64")) && !arm.matches(Platform(os: "linux", architecture: "amd64")))
        for bad in ["linux", "linux/", "/amd64", "a/b/c/d", ""] { #expect(Platform(parsing: bad) == nil) }
    }

    @Test("an index gives the manifest of a platform, never an attestation")
    func index() throws {
        func descriptor(_ name: String, _ platform: Platform?, type: String = MediaType.manifest) -> Descriptor {
            Descriptor(mediaType: type, digest: Digest.sha256(Array(name.utf8)), size: 1, platform: platform)
        }
        let wanted = Platform(os: "linux", architecture: "amd64")
        let image = descriptor("image", wanted)
        let attestation = descriptor("attestation", Platform(os: "unknown", architecture: "unknown"))
        #expect(Index(manifests: [attestation, image]).manifest(for: wanted) == image)
        #expect(Index(manifests: [attestation]).manifest(for: wanted) == nil)
        #expect(Index(manifests: [descriptor("only", nil)]).manifest(for: wanted) != nil)
        #expect(Index(manifests: [descriptor("a", nil), descriptor("b", nil)]).manifest(for: wanted) == nil)
        #expect(Index(manifests: [descriptor("nested", wanted, type: MediaType.index)]).manifest(for: wanted) == nil)
    }
}
