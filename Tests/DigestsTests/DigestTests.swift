import Digests
import Testing

@Suite("digests")
struct DigestTests {
    // Vectors of FIPS 180-4's examples.
    @Test(
        "SHA-256 of known texts",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ])
    func vectors(text: String, hex: String) throws {
        let digest = Digest.sha256(Array(text.utf8))
        #expect(digest.hex == hex)
        #expect(try Digest(parsing: "sha256:" + hex) == digest)
        #expect(digest.description == "sha256:" + hex)
    }

    @Test("pieces hash like the whole, and a running hash can be looked at")
    func pieces() {
        var hasher = SHA256Hasher()
        hasher.update([1, 2])
        #expect(hasher.digestSoFar() == Digest.sha256([1, 2]))
        hasher.update([3])
        #expect(hasher.finalize() == Digest.sha256([1, 2, 3]))
    }

    @Test(
        "what is not a digest is refused",
        arguments: [
            "", "sha256:", "sha256:ab", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + String(repeating: "A", count: 64),
            "sha256:" + String(repeating: "a", count: 65), "sha256:" + String(repeating: "g", count: 64), String(repeating: "a", count: 64),
        ])
    func refused(text: String) {
        #expect(throws: DigestError.self) { try Digest(parsing: text) }
    }

    @Test("at every place, sixteen bytes are digits and stand for what they say, and the others are refused")
    func digits() {
        let digest = Digest.sha256([7])
        for place in 0..<64 {
            var text = Array(digest.description.utf8)
            for byte in UInt8.min...UInt8.max {
                text[7 + place] = byte
                let parsed = text.withUnsafeBytes { Digest(utf8: $0) }
                #expect((parsed != nil) == "0123456789abcdef".utf8.contains(byte), "\(byte) at \(place)")
                if let parsed { #expect(Array(parsed.description.utf8) == text) }
            }
        }
    }

    @Test("digests order as their text does")
    func order() {
        let digests = (0..<50).map { Digest.sha256([UInt8($0)]) }
        #expect(digests.sorted().map(\.hex) == digests.map(\.hex).sorted())
    }

    @Test("raw bytes read back")
    func bytes() {
        let digest = Digest.sha256([9])
        var raw = [UInt8](repeating: 0, count: 32)
        raw.withUnsafeMutableBytes { digest.copyBytes(to: $0) }
        #expect(raw.withUnsafeBytes { Digest(bytes: $0) } == digest)
    }
}
