import ArgumentParser

/// Sizes as people write them.
enum ByteCount {
    private static let units: [Character: UInt64] = ["B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]

    /// Reads `10G`, `512m`, `64KiB`, `4096`; the units are powers of 1024.
    static func parse(_ text: String) throws -> UInt64 {
        var unit: UInt64 = 1
        var digits = text[...]
        let suffix = text.drop { $0.isNumber }.uppercased()
        if let first = suffix.first {
            guard let factor = units[first], ["", "B", "IB"].contains(suffix.dropFirst()) else { throw malformed(text) }
            unit = factor
            digits = text.prefix { $0.isNumber }
        }
        guard let count = UInt64(digits) else { throw malformed(text) }
        let (bytes, overflows) = count.multipliedReportingOverflow(by: unit)
        guard !overflows else { throw ValidationError("\(text): too large") }
        return bytes
    }

    private static func malformed(_ text: String) -> ValidationError {
        ValidationError("\(text): expected a number of bytes, such as 4096, 512M or 10G")
    }
}
