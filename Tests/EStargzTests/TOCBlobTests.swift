import Compression
import EStargz
import Tar
import TestSupport
import Testing

@Suite("TOCs in their members")
struct TOCBlobTests {
    private static let tenGigabytes: Int64 = 10_000_000_000

    private func member(_ tar: [UInt8]) throws -> [UInt8] {
        var output: [UInt8] = []
        try tar.withUnsafeBytes { try GzipCompressor(level: 6).member($0, into: &output) }
        return output
    }

    /// A tar entry; a size beyond octal is written in base 256.
    private func entry(_ name: String, claimed: Int64, content: [UInt8]) -> [UInt8] {
        var block = TarWriter.header(name: name, size: 0)
        block.replaceSubrange(124..<136, with: [0x80] + [UInt8](repeating: 0, count: 11))
        for index in 0..<8 { block[128 + index] = UInt8(truncatingIfNeeded: claimed >> Int64(56 - 8 * index)) }
        block.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        let digits = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        block.replaceSubrange(148..<156, with: Array((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8))
        return block + content + TarWriter.padding(afterSize: Int64(content.count))
    }

    private func extract(_ member: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
        Array(try member.withUnsafeBytes { try TOCBlob.extract(tocMember: $0, limit: limit) })
    }

    @Test("a TOC comes out of its member, with other small entries around it")
    func found() throws {
        let json = Array("{}".utf8)
        let tar = entry("other", claimed: 3, content: [1, 2, 3]) + entry(TOC.entryName, claimed: 2, content: json) + TarWriter.end
        #expect(try extract(member(tar) + Footer.estargz(tocOffset: 0).encoded()) == json)
    }

    @Test("a TOC whose header claims 10 GB is refused for the claim, before a byte of it is kept")
    func claimed() throws {
        let tar = entry(TOC.entryName, claimed: Self.tenGigabytes, content: [UInt8](repeating: 0x20, count: 1024))
        let error = FormatError.tooLarge(what: "TOC", size: UInt64(Self.tenGigabytes), limit: UInt64(TOCParser.maximumSize))
        #expect(throws: error) { try extract(member(tar), limit: TOCParser.maximumSize) }
        #expect(throws: FormatError.self) { try extract(member(entry(TOC.entryName, claimed: .max, content: [])), limit: .max - 1 << 30) }
    }

    @Test("a TOC that ends before its size is refused")
    func short() throws {
        #expect(throws: FormatError.self) { try extract(member(entry(TOC.entryName, claimed: 100_000, content: [0x7b, 0x7d]))) }
    }

    @Test("a member that inflates to far more than a TOC is given up, before and behind the TOC", .timeLimit(.minutes(1)))
    func bomb() throws {
        let zeros = [UInt8](repeating: 0, count: 32 << 20)
        let toc = entry(TOC.entryName, claimed: 2, content: Array("{}".utf8))
        let before = try member(entry("other", claimed: Int64(zeros.count), content: zeros) + toc)
        let behind = try member(toc + zeros)
        let growth = try PeakMemory.growth {
            for bomb in [before, behind] {
                let error = #expect(throws: FormatError.self) { try extract(bomb) }
                guard case .tooLarge = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
        }
        #expect(growth < 16 << 20, "\(growth >> 20) MiB")
    }

    @Test("a footer that places the TOC so that 10 GB would have to be fetched is refused")
    func place() throws {
        let size = UInt64(Self.tenGigabytes)
        #expect(throws: FormatError.tooLarge(what: "TOC", size: size, limit: UInt64(TOCParser.maximumSize))) {
            try TOCBlob.range(tocOffset: 0, inBlobOf: size)
        }
        for offset in [size, .max] { #expect(throws: FormatError.self) { try TOCBlob.range(tocOffset: offset, inBlobOf: size) } }
        #expect(try TOCBlob.range(tocOffset: size - 1000, inBlobOf: size) == size - 1000..<size)
    }

    @Test(
        "a zstd:chunked footer that claims 10 GB, lies outside of the blob or is of an unknown type is refused",
        arguments: [
            "0:10000000000:100:1", "0:100:10000000000:1", "18446744073709551615:2:100:1", "9999999999:2:100:1", "0:100:100:2",
            "0:18446744073709551615:18446744073709551615:1",
        ])
    func zstdChunked(annotation: String) throws {
        let footer = try ZstdChunkedFooter(annotation: annotation)
        #expect(throws: FormatError.self) { try footer.range(inBlobOf: 10_000_000_000) }
    }

    @Test("a zstd:chunked footer within its bounds gives the range")
    func range() throws {
        #expect(try ZstdChunkedFooter(annotation: "100:50:900:1").range(inBlobOf: 150) == 100..<150)
    }
}
