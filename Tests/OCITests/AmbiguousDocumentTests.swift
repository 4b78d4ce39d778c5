import Digests
import OCI
import Testing

/// A digest stands for one image only as long as all readers see the same in its documents.
@Suite("documents that could mean two images")
struct AmbiguousDocumentTests {
    private static let digest = "sha256:" + String(repeating: "0a", count: 32)
    private static let other = "sha256:" + String(repeating: "0b", count: 32)

    private static func descriptor(_ digest: String = digest, _ more: String = "") -> String {
        #"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(digest)","size":1\#(more)}"#
    }

    private static func manifest(_ more: String = "", layers: String? = nil) -> String {
        #"{"schemaVersion":2,"config":\#(descriptor()),"layers":[\#(layers ?? descriptor())]\#(more)}"#
    }

    private static func index(_ more: String = "", manifests: String? = nil) -> String {
        #"{"schemaVersion":2,"manifests":[\#(manifests ?? descriptor())]\#(more)}"#
    }

    private func decode<Document: Decodable>(_ type: Document.Type, _ text: String) throws -> Document {
        try Documents.decode(type, from: Array(text.utf8), what: "test")
    }

    private static let twice = "the key \"layers\" is there twice"
    private static let spelled = "which readers that ignore case take for one"

    @Test(
        "a manifest that two readers could read differently is refused, with what and where",
        arguments: [
            // Go takes the last and leaves what it does not set of the first, Foundation takes the first.
            (manifest(#","layers":[\#(descriptor(other))]"#), "test: \(twice), again at byte \(manifest().utf8.count)"),
            (manifest(#","l\u0061yers":[]"#), twice), (manifest(#","annotations":{"a":"1","a":"2"}"#), "the key \"a\" is there twice"),
            (manifest(layers: descriptor(digest, #","size":2"#)), "the key \"size\" is there twice"),
            (manifest(#","unknown":[{"a\n":1,"a\n":1}]"#), #"the key "a\n" is there twice"#),
            // Go ignores case, also of the two letters that only Unicode makes the same.
            (manifest(#","Layers":[\#(descriptor(other))]"#), #"test: the keys "Layers" and "layers", \#(spelled)"#),
            (manifest(#","LAYER\u017f":[]"#), spelled),
            (manifest(layers: descriptor(digest, #","Digest":"\#(other)""#)), #"the keys "Digest" and "digest", \#(spelled) at layers.0"#),
            (manifest(#","Annotations":{},"ANNOTATIONS":{}"#), spelled),
            // containerd's validateMediaType.
            (
                manifest(#","manifests":[\#(descriptor(other))]"#),
                "it has the member \"manifests\", which only another kind of document has"
            ),
            (manifest(#","Manifests":null"#), "the member \"Manifests\""), (manifest(#","fsLayers":[]"#), "the member \"fsLayers\""),
            (manifest(#","mediaType":"application/vnd.oci.image.index.v1+json""#), "the media type"),
            (manifest(#","MEDIATYPE":"application/vnd.docker.distribution.manifest.list.v2+json""#), "the media type"),
            // Foundation takes these; RFC 8259, and so Go, does not.
            (manifest(","), "not JSON: expected \"\"\" at byte"),
            (manifest(layers: descriptor() + ","), "not JSON: not a JSON value at byte"),
            ("\u{feff}" + manifest(), "not JSON: not a JSON value at byte 0"), (manifest() + "{}", "not JSON: unexpected bytes after"),
        ])
    func manifests(text: String, reason: String) {
        let error = #expect(throws: DocumentError.self) { try decode(Manifest.self, text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("\n") == false)
    }

    @Test(
        "so is an index",
        arguments: [
            index(#","config":null"#), index(#","layers":[]"#), index(#","mediaType":"application/vnd.oci.image.manifest.v1+json""#),
            index(
                manifests: descriptor(
                    digest, #","platform":{"os":"linux","architecture":"amd64"},"Platform":{"os":"a","architecture":"b"}"#)),
            index(manifests: descriptor(digest, #","platform":{"os":"linux","OS":"windows","architecture":"amd64"}"#)),
        ])
    func indexes(text: String) {
        #expect(throws: DocumentError.self) { try decode(Index.self, text) }
    }

    @Test(
        "so is a configuration",
        arguments: [
            #"{"rootfs":{"type":"layers","diff_ids":[],"DIFF_IDS":[]}}"#, #"{"rootfs":{"type":"layers","diff_ids":[]},"RootFS":{}}"#,
            #"{"config":{"Cmd":["a"],"cmd":["b"]}}"#, #"{"config":{"Env":[],"Env":[]}}"#,
        ])
    func configurations(text: String) {
        #expect(throws: DocumentError.self) { try decode(ImageConfig.self, text) }
    }

    @Test("white space, the order of members, escapes and members that nobody knows mean nothing")
    func honest() throws {
        let plain = try decode(Manifest.self, Self.manifest(#","annotations":{"a":"1"}"#))
        let odd = """
            \r
            { "annotations" :\t{ "\\u0061": "1" }, "layers": [ \(Self.descriptor(Self.digest, ", \"new\": [null, {\"Size\": 1}]")) ], "x": {"y": 1.5e300},
              "conf\\u0069g": \(Self.descriptor()), "schemaVersion": 2, "blobs": [] }\n
            """
        #expect(try decode(Manifest.self, odd) == plain)
    }

    @Test("a member that differs in case only is read as everybody else reads it")
    func caseIgnored() throws {
        let config = try decode(ImageConfig.self, #"{"OS":"linux","config":{"entrypoint":["a"],"CMD":["b"],"env":["c=d"]}}"#)
        #expect(config.os == "linux" && config.config?.entrypoint == ["a"] && config.config?.command == ["b"])
        #expect(config.config?.environment == ["c=d"])
        #expect(try decode(Index.self, #"{"SchemaVersion":2,"Manifests":[]}"#).manifests.isEmpty)
    }

    @Test("keys that are data are never taken for members: labels differ in case")
    func labels() throws {
        let labels = #"{"Name":"a","name":"b","NAME":"c","config":"d","manifests":"e"}"#
        let config = try decode(ImageConfig.self, #"{"config":{"Labels":\#(labels),"Volumes":{"/a":{},"/A":{}}}}"#)
        #expect(config.config?.labels == ["Name": "a", "name": "b", "NAME": "c", "config": "d", "manifests": "e"])
        #expect(config.config?.volumes?.count == 2)
        let manifest = try decode(Manifest.self, Self.manifest(#","annotations":\#(labels)"#))
        #expect(manifest.annotations?.count == 5)
    }

    @Test(
        "a value of the wrong type is named by its place",
        arguments: [
            (
                manifest(layers: #"{"mediaType":"a","digest":"\#(digest)","size":"1"}"#),
                "test: expected a whole number in range at layers.0.size"
            ),
            (manifest(layers: descriptor() + #",{"mediaType":"a","digest":"sha256:0","size":1}"#), "hexadecimal digits at layers.1.digest"),
            (manifest(layers: #"{"mediaType":"a","size":1}"#), #"test: "digest" is missing at layers.0"#),
            (manifest(#","annotations":[]"#), "test: expected an object at annotations"), ("[]", "test: expected an object"),
            (manifest(layers: "1"), "test: expected an object at layers.0"),
            (manifest(#","mediaType":7"#), "test: expected a text at mediaType"),
        ])
    func wrongType(text: String, reason: String) {
        let error = #expect(throws: DocumentError.self) { try decode(Manifest.self, text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }
}
