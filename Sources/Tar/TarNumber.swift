/// Numbers in header blocks: octal text, or GNU's base 256.
enum TarNumber {
    /// Reads a field; nil when it is no number or does not fit. An empty field is 0.
    static func parse(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first else { return 0 }
        return first & 0x80 != 0 ? base256(field) : octal(field)
    }

    // The top bit says base 256; the rest is a big-endian two's complement number whose sign is the next bit.
    private static func base256(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first else { return nil }
        let isNegative = first & 0x40 != 0
        var value: Int64 = isNegative ? -1 : 0
        for (index, byte) in field.enumerated() {
            let digit = index == 0 ? (isNegative ? byte | 0x80 : byte & 0x7f) : byte
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
            guard !overflow else { return nil }
            // The first digit of a negative number carries only copies of the sign.
            value = index == 0 ? Int64(isNegative ? Int8(bitPattern: digit) : Int8(digit)) : shifted | Int64(digit)
        }
        return value
    }

    // Digits up to the first NUL, between spaces; some writers put spaces or NULs in front.
    private static func octal(_ field: ArraySlice<UInt8>) -> Int64? {
        var digits = field.drop { $0 == 0 || $0 == 0x20 }.prefix { $0 != 0 }
        while digits.last == 0x20 { digits.removeLast() }
        var value: Int64 = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x37 else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 8)
            guard !overflow else { return nil }
            value = shifted | Int64(digit - 0x30)
        }
        return value
    }
}
