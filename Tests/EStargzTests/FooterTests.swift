import EStargz
import Testing

@Suite("footers")
struct FooterTests {
    @Test(
        "a footer reads back as it was written",
        arguments: [
            Footer.estargz(tocOffset: 0), .estargz(tocOffset: 0x2726d), .estargz(tocOffset: .max), .legacyStargz(tocOffset: 4711),
            .externalTOC,
        ])
    func roundTrip(footer: Footer) throws {
        let bytes = [UInt8](repeating: 0xaa, count: 100) + footer.encoded()
        #expect(try bytes.withUnsafeBytes { try Footer.parse(suffix: $0) } == footer)
    }

    @Test("footers have the sizes of the specification")
    func sizes() {
        #expect(Footer.estargz(tocOffset: 1).encoded().count == 51)
        #expect(Footer.legacyStargz(tocOffset: 1).encoded().count == 47)
        #expect(Footer.externalTOC.encoded().count == 46)
    }

    @Test("a footer with any one byte of its header or magic flipped is not taken for one")
    func flipped() {
        let footer = Footer.estargz(tocOffset: 0x1234).encoded()
        for index in [0, 1, 2, 3, 10, 12, 13, 14, 32, 33, 34, 35, 36, 37] {
            var bytes = footer
            bytes[index] ^= 0x40
            #expect(throws: FormatError.self, "byte \(index)") { try bytes.withUnsafeBytes { try Footer.parse(suffix: $0) } }
        }
    }

    @Test("what is too short or something else has no footer", arguments: [[], [0x1f, 0x8b], [UInt8](repeating: 0, count: 51)])
    func none(bytes: [UInt8]) {
        #expect(throws: FormatError.noFooter) { try bytes.withUnsafeBytes { try Footer.parse(suffix: $0) } }
    }

    @Test("the zstd:chunked footer is containers/storage's, byte for byte")
    func zstdChunked() {
        // The last 40 bytes of the fixture's layer, which the reference's library wrote.
        let bytes: [UInt8] = [
            0x44, 0x43, 0x01, 0, 0, 0, 0, 0, 0xa8, 0x06, 0, 0, 0, 0, 0, 0, 0x80, 0x1d, 0, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0, 0, 0,
            0x47, 0x6e, 0x55, 0x6c, 0x49, 0x6e, 0x55, 0x78,
        ]
        let footer = ZstdChunkedFooter(offset: 82_756, length: 1_704, uncompressedLength: 7_552)
        #expect(footer.encoded() == bytes && footer.annotation == "82756:1704:7552:1")
        #expect(([1, 2, 3] + bytes).withUnsafeBytes { ZstdChunkedFooter(suffix: $0) } == footer)
    }

    @Test("a zstd:chunked position that is not four numbers is refused", arguments: ["", "1:2:3", "1:2:3:x", "1:2:3:4:5", "-1:2:3:1"])
    func position(text: String) {
        #expect(throws: FormatError.self) { try ZstdChunkedFooter(annotation: text) }
    }
}
