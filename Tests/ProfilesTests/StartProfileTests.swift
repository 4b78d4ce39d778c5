import Digests
import OCI
import Testing

@testable import Profiles

@Suite("start profiles")
struct StartProfileTests {
    private let layers = [Digest.sha256([1]), Digest.sha256([2])]

    private func profile(_ paths: [(layer: Int, path: String, ranges: [FileAccess.Span]?)]) -> StartProfile {
        StartProfile(AccessRecord(paths.map { FileAccess(path: $0.path, layerIndex: $0.layer, ranges: $0.ranges) }), layers: layers)
    }

    private func span(_ offset: Int64, _ size: Int64) -> FileAccess.Span { FileAccess.Span(offset: offset, size: size) }

    @Test("one start expects what it read, in that order; what is in no layer of the image is left out")
    func one() throws {
        let profile = profile([(1, "b", nil), (0, "a", [span(0, 10)]), (2, "c", nil)])
        #expect(profile.expected.map(\.path) == ["b", "a"] && profile.expected[1].ranges == [span(0, 10)])
        #expect(try StartProfile(parsing: profile.encoded(), name: "file") == profile)
    }

    @Test("what is read late of a large file comes late, and what lies in one part of it together")
    func parts() throws {
        let mebi: Int64 = 1 << 20
        let profile = profile([
            (0, "a", [span(0, 10), span(3 * mebi - 5, 10)]), (0, "b", nil), (0, "a", [span(20, 5), span(9 * mebi, 2 * mebi)]),
        ])
        #expect(profile.expected.map(\.path) == ["a", "a", "a", "b", "a", "a"])
        #expect(
            profile.expected.map(\.ranges) == [
                [span(0, 10), span(20, 5)], [span(3 * mebi - 5, 5)], [span(3 * mebi, 5)], nil, [span(9 * mebi, mebi)],
                [span(10 * mebi, mebi)],
            ])
        #expect(try StartProfile.merged([("", profile), ("", profile)]).expected == profile.expected)
        let endless = self.profile([(0, "a", [span(1, .max - 1)])])
        #expect(endless.files.count == StartProfile.mostFiles)
    }

    @Test("many starts expect what at least half of them read, what is read earlier first, and all ranges that any of them read")
    func merged() throws {
        let profiles = [
            profile([(0, "a", [span(0, 10)]), (0, "once", nil), (0, "z", nil)]),
            profile([(0, "z", [span(5, 5)]), (0, "a", [span(5, 10), span(100, 1)])]),
            profile([(0, "a", [span(0, 1)]), (0, "z", nil), (1, "a", nil)]),
        ]
        let merged = try StartProfile.merged(profiles.map { ("", $0) })
        // Of "z" all was read twice, and a part once.
        #expect(merged.recordings == 3 && merged.files.count == 5)
        #expect(merged.expected.map(\.path) == ["a", "z"])
        #expect(merged.expected[0].ranges == [span(0, 15), span(100, 1)] && merged.expected[1].ranges == nil)
        // In parts, too, and in any order.
        let parts = try StartProfile.merged([("", profiles[2]), ("", StartProfile.merged([("", profiles[1]), ("", profiles[0])]))])
        #expect(parts.expected == merged.expected && parts.recordings == 3)
    }

    @Test("profiles of another image are refused by name")
    func otherImage() {
        let other = StartProfile(AccessRecord([]), layers: [Digest.sha256([3])])
        #expect(throws: ProfileError.otherImage(name: "b")) { try StartProfile.merged([("a", profile([])), ("b", other)]) }
    }

    @Test(
        "what is no profile is refused",
        arguments: [
            "", "{}", #"{"version":2,"layers":[],"recordings":1,"files":[]}"#, #"{"version":1,"layers":[],"recordings":0,"files":[]}"#,
            #"{"version":1,"layers":[],"recordings":1,"files":[{"layer":0,"path":"a","recordings":1,"rank":0}]}"#,
            #"{"version":1,"layers":["sha256:1"],"recordings":1,"files":[]}"#,
        ])
    func damaged(text: String) {
        let error = #expect(throws: ProfileError.self) { try StartProfile(parsing: Array(text.utf8), name: "start.json") }
        #expect(error?.description.hasPrefix("start.json: not a start profile: ") == true)
    }

    @Test("the artifact refers to the image, and a list of referrers leads straight to the profile")
    func artifact() throws {
        let subject = Descriptor(mediaType: MediaType.manifest, digest: Digest.sha256([9]), size: 7, annotations: ["a": "b"])
        let artifact = try ProfileArtifact(profile([(0, "a", nil)]), subject: subject)
        let manifest = try Documents.decode(Manifest.self, from: artifact.manifest.bytes, what: "manifest")
        #expect(manifest.subject == Descriptor(mediaType: MediaType.manifest, digest: subject.digest, size: 7))
        #expect(manifest.artifactType == ProfileArtifact.type && manifest.config.mediaType == MediaType.empty)
        #expect(ProfileArtifact.blob(of: artifact.manifest.descriptor) == manifest.layers[0])
        #expect(ProfileArtifact.blob(of: subject) == nil)
    }
}
