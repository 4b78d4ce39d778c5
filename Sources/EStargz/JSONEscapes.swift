/// Escapes in JSON texts (RFC 8259, section 7), both ways.
enum JSONEscapes {
    /// The text of raw string bytes with escapes; nil when an escape is not valid. A lone surrogate becomes U+FFFD, as in Go.
    static func resolve(_ raw: UnsafeRawBufferPointer) -> String? {
        var output: [UInt8] = []
        output.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            guard raw[index] == UInt8(ascii: "\\") else {
                output.append(raw[index])
                index += 1
                continue
            }
            guard index + 1 < raw.count else { return nil }
            let escape = raw[index + 1]
            index += 2
            if escape == UInt8(ascii: "u") {
                guard let unit = unit(raw, at: index) else { return nil }
                index += 4
                append(unit, raw, &index, to: &output)
            } else {
                guard let byte = single(escape) else { return nil }
                output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func single(_ escape: UInt8) -> UInt8? {
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): escape
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        default: nil
        }
    }

    private static func unit(_ raw: UnsafeRawBufferPointer, at index: Int) -> UInt32? {
        guard index + 4 <= raw.count else { return nil }
        var value: UInt32 = 0
        for digit in raw[index..<index + 4] {
            guard let nibble = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(nibble)
        }
        return value
    }

    private static func append(_ unit: UInt32, _ raw: UnsafeRawBufferPointer, _ index: inout Int, to output: inout [UInt8]) {
        var scalar = unit
        if (0xd800..<0xdc00).contains(unit), index + 6 <= raw.count, raw[index] == UInt8(ascii: "\\"), raw[index + 1] == UInt8(ascii: "u"),
            let low = self.unit(raw, at: index + 2), (0xdc00..<0xe000).contains(low)
        {
            scalar = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
            index += 6
        }
        let character = UnicodeScalar(scalar) ?? "\u{fffd}"
        output.append(contentsOf: UTF8.encode(character) ?? UTF8.encodedReplacementCharacter)
    }

    /// Appends a quoted text.
    static func append(quoted text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                output.append(contentsOf: Array("\\u00".utf8))
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
