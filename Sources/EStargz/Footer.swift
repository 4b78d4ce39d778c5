/// The last bytes of a layer blob, which say where its TOC is.
///
/// A footer is a gzip member without content whose header's extra field carries the message, so that gzip readers pass over it:
///
///     eStargz       51 bytes: header 10, XLEN 26: "SG", LEN 22, "%016xSTARGZ";          empty block 5, trailer 8
///     legacy        47 bytes: header 10, XLEN 22: "%016xSTARGZ";                        empty block 5, trailer 8
///     external TOC  46 bytes: header 10, XLEN 21: "SG", LEN 17, "STARGZEXTERNALTOC";    empty block 5, trailer 8
///
/// zstd:chunked has 40 bytes in a zstd skippable frame, see `ZstdChunkedFooter`. Source: eStargz specification, "Footer".
public enum Footer: Equatable, Sendable {
    /// The TOC's gzip member begins at this offset of the blob.
    case estargz(tocOffset: UInt64)
    /// The same in the footer of the first stargz.
    case legacyStargz(tocOffset: UInt64)
    /// The TOC is in another image.
    case externalTOC

    /// Its size in bytes.
    var size: Int {
        switch self {
        case .estargz: Footer.maximumSize
        case .legacyStargz: Footer.legacySize
        case .externalTOC: Footer.externalSize
        }
    }

    /// Size of the largest footer, in bytes.
    public static let maximumSize = 51
    private static let legacySize = 47
    private static let externalSize = 46

    private static let magic = Array("STARGZ".utf8)
    private static let externalMagic = Array("STARGZEXTERNALTOC".utf8)
    // Empty stored block (final, LEN 0, NLEN ff ff), then CRC-32 and ISIZE of nothing.
    private static let emptyBody: [UInt8] = [1, 0, 0, 0xff, 0xff] + [UInt8](repeating: 0, count: 8)

    /// Reads the footer at the end of `suffix`, the last bytes of a blob (51 or more, or the whole blob).
    public static func parse(suffix: UnsafeRawBufferPointer) throws(FormatError) -> Footer {
        if let message = extraField(of: suffix, footerSize: maximumSize, fieldSize: 26), hasSubfieldHeader(message, payload: 22) {
            if let offset = tocOffset(message.dropFirst(4)) { return .estargz(tocOffset: offset) }
            throw .footer("the TOC offset is not a hexadecimal number")
        }
        if let message = extraField(of: suffix, footerSize: externalSize, fieldSize: 21), hasSubfieldHeader(message, payload: 17),
            message.dropFirst(4).elementsEqual(externalMagic)
        {
            return .externalTOC
        }
        if let message = extraField(of: suffix, footerSize: legacySize, fieldSize: 22), let offset = tocOffset(message[...]) {
            return .legacyStargz(tocOffset: offset)
        }
        throw .noFooter
    }

    /// Reads the footer at the end of a blob's last bytes.
    public static func parse(blobEnd: [UInt8]) throws(FormatError) -> Footer {
        try blobEnd.withUnsafeBytes { bytes in Result { () throws(FormatError) in try parse(suffix: bytes) } }.get()
    }

    /// The footer's bytes. Legacy footers are read only and are written in their own form for tests of readers.
    public func encoded() -> [UInt8] {
        let field: [UInt8]
        switch self {
        case .estargz(let offset): field = [0x53, 0x47, 22, 0] + Footer.message(offset)
        case .legacyStargz(let offset): field = Footer.message(offset)
        case .externalTOC: field = [0x53, 0x47, 17, 0] + Footer.externalMagic
        }
        // ID, deflate, FEXTRA, no time, no flags, unknown system: the header that Go's compress/gzip writes.
        return [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, UInt8(field.count), 0] + field + Footer.emptyBody
    }

    private static func message(_ offset: UInt64) -> [UInt8] {
        let digits = String(offset, radix: 16)
        return Array((String(repeating: "0", count: 16 - digits.count) + digits).utf8) + magic
    }

    private static func extraField(of suffix: UnsafeRawBufferPointer, footerSize: Int, fieldSize: Int) -> [UInt8]? {
        guard suffix.count >= footerSize else { return nil }
        let footer = UnsafeRawBufferPointer(rebasing: suffix.suffix(footerSize))
        guard footer[0] == 0x1f, footer[1] == 0x8b, footer[2] == 8, footer[3] == 4 else { return nil }
        guard Int(footer[10]) | Int(footer[11]) << 8 == fieldSize else { return nil }
        return Array(footer[12..<12 + fieldSize])
    }

    private static func hasSubfieldHeader(_ field: [UInt8], payload: UInt8) -> Bool {
        field.starts(with: [0x53, 0x47, payload, 0])
    }

    private static func tocOffset(_ message: ArraySlice<UInt8>) -> UInt64? {
        guard message.dropFirst(16).elementsEqual(magic) else { return nil }
        return UInt64(String(decoding: message.prefix(16), as: UTF8.self), radix: 16)
    }
}
