/// Where a zstd:chunked layer keeps its TOC ("manifest" in containers/storage's words).
///
/// Told by the descriptor's annotation `io.containers.zstd-chunked.manifest-position` or by the blob's last 40 bytes
/// inside a zstd skippable frame: offset, compressed length, uncompressed length, type (1), magic `GnUlInUx`; each 8 bytes, little-endian.
public struct ZstdChunkedFooter: Equatable, Sendable {
    /// Where the compressed TOC begins in the blob.
    public var offset: UInt64
    /// Compressed length in bytes.
    public var length: UInt64
    /// Uncompressed length in bytes.
    public var uncompressedLength: UInt64
    /// Kind of the TOC; 1 is CRFS' schema, the only one known here.
    public var type: UInt64

    /// Size of the footer's content in bytes.
    public static let size = 40
    private static let magic = Array("GnUlInUx".utf8)

    /// A footer for a TOC of the known kind.
    public init(offset: UInt64, length: UInt64, uncompressedLength: UInt64) {
        (self.offset, self.length, self.uncompressedLength, type) = (offset, length, uncompressedLength, 1)
    }

    /// The footer's content.
    public func encoded() -> [UInt8] {
        [offset, length, uncompressedLength, type].flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) } + ZstdChunkedFooter.magic
    }

    /// The annotation's text.
    public var annotation: String { "\(offset):\(length):\(uncompressedLength):\(type)" }

    /// Reads the footer at the end of a blob; nil when there is none.
    public init?(suffix: UnsafeRawBufferPointer) {
        guard suffix.count >= ZstdChunkedFooter.size else { return nil }
        let footer = UnsafeRawBufferPointer(rebasing: suffix.suffix(ZstdChunkedFooter.size))
        guard footer.suffix(8).elementsEqual(ZstdChunkedFooter.magic) else { return nil }
        func word(_ index: Int) -> UInt64 { UInt64(littleEndian: footer.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) }
        (offset, length, uncompressedLength, type) = (word(0), word(1), word(2), word(3))
    }

    /// Parses the annotation's `offset:length:uncompressed:type`.
    public init(annotation: String) throws(FormatError) {
        let numbers = annotation.split(separator: ":", omittingEmptySubsequences: false).map { UInt64($0) }
        guard numbers.count == 4, let offset = numbers[0], let length = numbers[1], let uncompressed = numbers[2], let type = numbers[3]
        else {
            throw .footer("zstd:chunked position \"\(annotation.prefix(100))\" is not offset:length:uncompressed:type")
        }
        (self.offset, self.length, self.uncompressedLength, self.type) = (offset, length, uncompressed, type)
    }

    /// Where the compressed TOC is in a blob of `size` bytes.
    ///
    /// - Throws: `FormatError` for a place outside of the blob, a type that is not known, and sizes beyond `TOCParser.maximumSize`:
    ///   the numbers are only claims, and whoever follows them fetches and allocates by them.
    public func range(inBlobOf size: UInt64) throws(FormatError) -> Range<UInt64> {
        guard type == 1 else { throw .footer("zstd:chunked manifest of the unknown type \(type)") }
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, end <= size else { throw .footer("zstd:chunked manifest of \(length) bytes at \(offset), beyond the blob's end") }
        let limit = UInt64(TOCParser.maximumSize)
        guard max(length, uncompressedLength) <= limit else {
            throw .tooLarge(what: "TOC", size: max(length, uncompressedLength), limit: limit)
        }
        return offset..<end
    }
}
