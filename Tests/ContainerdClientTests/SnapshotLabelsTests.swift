import Daemons
import Digests
import OCI
import Testing

@testable import ContainerdClient

@Suite struct SnapshotLabelsTests {
    @Test("a chain's first ID is its first diffID, and every further one hashes the two below")
    func chain() {
        let diffIDs = ["a", "b", "c"].map { Digest.sha256(Array($0.utf8)) }
        let second = Digest.sha256(Array("\(diffIDs[0]) \(diffIDs[1])".utf8))
        let third = Digest.sha256(Array("\(second) \(diffIDs[2])".utf8))
        #expect(ChainID.chain(diffIDs) == [diffIDs[0], second, third])
        #expect(ChainID.chain([]).isEmpty)
    }

    @Test("labels name the layer in both sets, and carry annotations where containerd lets them through")
    func labels() throws {
        let digests = ["a", "b"].map { Digest.sha256(Array($0.utf8)) }
        let layers = digests.enumerated().map { index, digest in
            Descriptor(
                mediaType: MediaType.layerGzip, digest: digest, size: Int64(index) + 10,
                annotations: [Annotation.tocDigest: "toc", Annotation.uncompressedSize: "99", "long": String(repeating: "x", count: 5000)])
        }
        let reference = try Reference(parsing: "127.0.0.1:5000/app:1")
        let labels = SnapshotLabels.labels(reference: reference, layers: layers, index: 0, target: "chain")
        #expect(
            labels == [
                "containerd.io/snapshot.ref": "chain",
                "containerd.io/snapshot/cri.image-ref": "127.0.0.1:5000/app:1",
                "containerd.io/snapshot/cri.layer-digest": "\(digests[0])",
                "containerd.io/snapshot/cri.image-layers": "\(digests[0]),\(digests[1])",
                "containerd.io/snapshot/remote/stargz.reference": "127.0.0.1:5000/app:1",
                "containerd.io/snapshot/remote/stargz.digest": "\(digests[0])",
                "containerd.io/snapshot/remote/stargz.layers": "\(digests[0]),\(digests[1])",
                "containerd.io/snapshot/stargz/toc.digest": "toc",
                "containerd.io/snapshot/starling.annotation/io.containers.estargz.uncompressed-size": "99",
                "containerd.io/snapshot/starling.size": "10",
            ])
    }

    @Test("a list of layers is cut where the label would grow too long, between elements")
    func longList() {
        let digests = (0..<100).map { "\(Digest.sha256([UInt8($0)]))" }
        let list = SnapshotLabels.list(digests, limit: 4050)
        #expect(list.split(separator: ",").map(String.init) == Array(digests.prefix(56)))
        #expect(SnapshotLabels.list(digests, limit: 10).isEmpty)
    }

    @Test(
        "a repository is added to the origins once, in order",
        arguments: [("", "a/b"), ("a/b", "a/b"), ("z", "a/b,z"), ("a/a,c", "a/a,a/b,c")])
    func origins(known: String, expected: String) {
        #expect(OriginLabel.adding("a/b", to: known) == expected)
    }

    @Test("containerd's address may be written as a URL")
    func address() {
        #expect(ContainerdOptions(address: "unix:///run/x.sock").address == "/run/x.sock")
        #expect(ContainerdOptions(address: "/run/x.sock", namespace: "n").namespace == "n")
    }

    @Test("times are written as containerd reads them")
    func times() {
        let text = RFC3339.text(secondsFromNow: 3600)
        #expect(text.wholeMatch(of: /20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
    }
}
