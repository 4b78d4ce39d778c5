/// The little that is written and not copied: headers of files that a converter adds itself, and the end of an archive.
public enum TarWriter {
    /// Largest size that a ustar header can say: eleven octal digits.
    public static let maximumSize = Int64(1) << 33 - 1

    /// The ustar header block of a regular file with mode, owner and time all 0, as the reference implementation writes for
    /// landmarks and the TOC.
    ///
    /// - Parameters:
    ///   - name: at most 100 bytes.
    ///   - size: bytes of payload, at most `maximumSize`.
    public static func header(name: String, size: Int64) -> [UInt8] {
        precondition(name.utf8.count <= 100, "a synthesized name has at most 100 bytes")
        precondition((0...maximumSize).contains(size), "\(size) bytes do not fit a ustar header")
        var block = [UInt8](repeating: 0, count: TarBlock.size)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(name, at: 0)
        for (offset, width) in [(100, 7), (108, 7), (116, 7), (136, 11), (329, 7), (337, 7)] {
            put(octal(0, width), at: offset)
        }
        put(octal(size, 11), at: 124)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        // The checksum counts its own field as spaces; six digits, a NUL, a space.
        put("        ", at: 148)
        put(octal(Int64(block.reduce(0) { $0 + Int($1) }), 6) + "\0 ", at: 148)
        return block
    }

    /// Zero bytes from the end of a payload to the next block.
    public static func padding(afterSize size: Int64) -> [UInt8] {
        [UInt8](repeating: 0, count: Int(-size & Int64(TarBlock.size - 1)))
    }

    /// The two zero blocks at the end of an archive.
    public static let end = [UInt8](repeating: 0, count: 2 * TarBlock.size)

    private static func octal(_ value: Int64, _ width: Int) -> String {
        let digits = String(value, radix: 8)
        return String(repeating: "0", count: width - digits.count) + digits
    }
}
