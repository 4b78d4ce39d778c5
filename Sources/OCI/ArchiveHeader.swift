/// Headers of the tars that hold layouts: plain ustar of regular files and directories, which is all that such archives have.
enum ArchiveHeader {
    static let blockSize = 512

    /// A member of an archive.
    struct Member {
        var name: String
        var size: Int64
        var isFile: Bool
    }

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

    /// Reads a header block; nil for the zero block at the end.
    ///
    /// - Throws: `LayoutError.notALayout` for what is no header.
    static func parse(_ block: [UInt8], path: String) throws(LayoutError) -> Member? {
        if block.allSatisfy({ $0 == 0 }) { return nil }
        func text(_ range: Range<Int>) -> String { String(decoding: block[range].prefix { $0 != 0 }, as: UTF8.self) }
        let prefix = text(257..<262) == "ustar" ? text(345..<500) : ""
        var size: Int64 = 0
        if block[124] == 0x80 {
            for byte in block[128..<136] { size = size << 8 | Int64(byte) }
        } else {
            let digits = text(124..<136).filter { $0 != " " }
            guard let value = Int64(digits.isEmpty ? "0" : digits, radix: 8) else {
                throw .notALayout(path: path, reason: "it is not a tar")
            }
            size = value
        }
        let sum = block.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 32 : Int64($1.element)) }
        guard size >= 0, Int64(text(148..<156).filter { $0 != " " }, radix: 8) == sum else {
            throw .notALayout(path: path, reason: "it is not a tar")
        }
        var name = prefix.isEmpty ? text(0..<100) : prefix + "/" + text(0..<100)
        while name.hasPrefix("./") { name.removeFirst(2) }
        return Member(name: name, size: size, isFile: block[156] == UInt8(ascii: "0") || block[156] == 0)
    }
}
