/// Numbers with units, as people read them.
enum Quantity {
    /// `312 KB`, `4.7 MB`: powers of ten.
    static func bytes(_ count: UInt64) -> String {
        switch count {
        case ..<1000: "\(count) B"
        case ..<1_000_000: "\((count + 500) / 1000) KB"
        case ..<1_000_000_000: "\(tenths(count, of: 1_000_000)) MB"
        default: "\(tenths(count, of: 1_000_000_000)) GB"
        }
    }

    /// `0.4 ms`, `41 ms`, `1.24 s`.
    static func time(_ microseconds: UInt64) -> String {
        switch microseconds {
        case ..<10_000: "\(tenths(microseconds, of: 1000)) ms"
        case ..<1_000_000: "\((microseconds + 500) / 1000) ms"
        default: "\(hundredths(microseconds, of: 1_000_000)) s"
        }
    }

    /// `7 %`, `0.4 %`.
    static func percent(_ part: UInt64, of whole: UInt64) -> String {
        guard whole > 0 else { return "0 %" }
        let tenths = part.multipliedReportingOverflow(by: 1000).partialValue / whole
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10) %" : "\((tenths + 5) / 10) %"
    }

    /// `1 read`, `2 reads`.
    static func count(_ count: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }

    private static func tenths(_ count: UInt64, of unit: UInt64) -> String {
        let rounded = (count + unit / 20) / (unit / 10)
        return "\(rounded / 10).\(rounded % 10)"
    }

    private static func hundredths(_ count: UInt64, of unit: UInt64) -> String {
        let rounded = (count + unit / 200) / (unit / 100)
        return "\(rounded / 100).\(rounded / 10 % 10)\(rounded % 10)"
    }
}
