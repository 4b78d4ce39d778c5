/// Headers of the tars that are written here: plain ustar of regular files.
enum ArchiveHeader {
    static let blockSize = 512

    /// The header block of a file; same name and size, same bytes.
    static func block(name: String, size: Int64) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: blockSize)
        func put(_ text: String, _ offset: Int) { block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8) }
        func octal(_ value: Int64, _ width: Int) -> String {
            let digits = String(value, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, 0)
        put("0000644\u{0}0000000\u{0}0000000\u{0}", 100)
        if size < 1 << 33 {
            put(octal(size, 11), 124)
        } else {
            // Beyond eleven octal digits: GNU's base 256.
            block[124] = 0x80
            for index in 0..<8 { block[128 + index] = UInt8(truncatingIfNeeded: size >> Int64(56 - 8 * index)) }
        }
        put("00000000000", 136)
        put("        0", 148)
        put("ustar\u{0}00", 257)
        let sum = block.reduce(0) { $0 + Int64($1) }
        put(octal(sum, 6) + "\u{0} ", 148)
        return block
    }

    /// Zero bytes from the end of a member to the next block.
    static func padding(afterSize size: Int64) -> [UInt8] { [UInt8](repeating: 0, count: Int(-size & Int64(blockSize - 1))) }
}
