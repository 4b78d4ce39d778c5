import EStargz

/// The ends of blobs, and the annotation that says the same.
enum FooterSurface {
    static func run(_ bytes: UnsafeRawBufferPointer) throws {
        if let footer = try accepted({ try Footer.parse(suffix: bytes) }) {
            let again = footer.encoded()
            try promise(again.withUnsafeBytes { (try? Footer.parse(suffix: $0)) == footer }, "a footer written again is the same")
        }
        if let footer = ZstdChunkedFooter(suffix: bytes) { try check(footer) }
        let text = String(decoding: bytes.prefix(1 << 10), as: UTF8.self)
        if let footer = try accepted({ try ZstdChunkedFooter(annotation: text) }) { try check(footer) }
    }

    private static func check(_ footer: ZstdChunkedFooter) throws {
        for size in [0, 1 << 20, UInt64.max] {
            guard let range = try accepted({ try footer.range(inBlobOf: size) }) else { continue }
            try promise(range.upperBound <= size, "a TOC lies within its blob")
            try promise(range.upperBound - range.lowerBound <= TOCParser.maximumSize, "a TOC's compressed size is bounded")
            try promise(footer.uncompressedLength <= TOCParser.maximumSize, "a TOC's size is bounded")
        }
    }
}
