/// A SHA-256 content digest, the only algorithm that images use in practice.
///
/// Held as four words so that a digest lives in a register file or a table row, never on the heap.
/// Text form: `sha256:` and 64 lower-case hexadecimal digits (OCI image specification, "Digests").
public struct Digest: Hashable, Sendable {
    /// The 32 bytes as big-endian words, so that comparing words orders digests as comparing bytes does.
    private let a: UInt64
    private let b: UInt64
    private let c: UInt64
    private let d: UInt64

    /// Size of a digest in bytes.
    public static let byteCount = 32

    /// Reads the 32 raw bytes of a digest.
    ///
    /// - Parameter bytes: exactly 32 bytes.
    public init(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == Digest.byteCount, "a SHA-256 digest has 32 bytes, not \(bytes.count)")
        a = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        b = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        c = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        d = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    }

    /// Parses `sha256:<64 hexadecimal digits>`; upper-case digits are refused, as the specification does.
    public init(parsing text: some StringProtocol) throws(DigestError) {
        let utf8 = Array(text.utf8.prefix(80))
        let prefix = Array("sha256:".utf8)
        guard utf8.starts(with: prefix) else {
            throw .unsupportedAlgorithm(String(text.prefix(80)))
        }
        guard let digest = Digest(hexDigits: utf8[prefix.count...]) else {
            throw .malformed(String(text.prefix(80)))
        }
        self = digest
    }

    /// Parses 64 lower-case hexadecimal digits; nil for anything else.
    public init?(hex: some StringProtocol) {
        self.init(hexDigits: Array(hex.utf8.prefix(65))[...])
    }

    /// Parses the bytes of `sha256:<64 hexadecimal digits>`; nil for anything else. For whoever has bytes, and many of them.
    public init?(utf8: UnsafeRawBufferPointer) {
        let digits = 7
        guard utf8.count == digits + 64 else { return nil }
        // The prefix as the low seven bytes of a word: a table of contents has it twice for each file.
        let start = UInt64(littleEndian: utf8.loadUnaligned(as: UInt64.self))
        guard start & 0x00ff_ffff_ffff_ffff == 0x003a_3635_3261_6873 else { return nil }
        self.init(hexDigits: UnsafeRawBufferPointer(rebasing: utf8[digits...]))
    }

    private init?(hexDigits: ArraySlice<UInt8>) {
        guard let digest = hexDigits.withUnsafeBytes({ Digest(hexDigits: $0) }) else { return nil }
        self = digest
    }

    private init?(hexDigits: UnsafeRawBufferPointer) {
        guard hexDigits.count == 64 else { return nil }
        func word(_ index: Int) -> UInt64? {
            let digits = hexDigits.loadUnaligned(fromByteOffset: 16 * index, as: UInt64.self)
            let moreDigits = hexDigits.loadUnaligned(fromByteOffset: 16 * index + 8, as: UInt64.self)
            guard let high = Digest.value(ofDigits: UInt64(bigEndian: digits)) else { return nil }
            guard let low = Digest.value(ofDigits: UInt64(bigEndian: moreDigits)) else { return nil }
            return high << 32 | low
        }
        guard let a = word(0), let b = word(1), let c = word(2), let d = word(3) else { return nil }
        (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }

    /// What eight lower-case hexadecimal digits stand for, in the low half.
    ///
    /// All eight at once, without a branch for each: whether a digit of a digest is a letter cannot be predicted, and a table of contents has
    /// millions of them.
    private static func value(ofDigits digits: UInt64) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // 1 in each byte that is a letter, if all are digits: 0x61...0x66, where the others are 0x30...0x39.
        let letters = digits >> 6 & ones
        var values = (digits & (0x0f * ones)) + letters * 9
        let isDigit = digits & (0xf0 * ones) == 0x30 * ones + letters * 0x30
        // Letters, and they alone, stand for 10 to 15.
        guard isDigit, values & (0x10 * ones) == 0, (values + 6 * ones) >> 4 & ones == letters else { return nil }
        values = (values | values >> 4) & 0x00ff_00ff_00ff_00ff
        values = (values | values >> 8) & 0x0000_ffff_0000_ffff
        return (values | values >> 16) & 0xffff_ffff
    }

    /// The 64 lower-case hexadecimal digits, without the algorithm.
    public var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 64) { buffer in
            for (index, word) in [a, b, c, d].enumerated() {
                for nibble in 0..<16 {
                    buffer[index * 16 + nibble] = digits[Int(truncatingIfNeeded: word >> UInt64(60 - 4 * nibble)) & 0xf]
                }
            }
            return 64
        }
    }

    /// The first eight bytes: digests whose words differ are in their order.
    public var leadingWord: UInt64 { a }

    /// Copies the 32 raw bytes to `target`.
    public func copyBytes(to target: UnsafeMutableRawBufferPointer) {
        precondition(target.count == Digest.byteCount, "a SHA-256 digest has 32 bytes, not \(target.count)")
        target.storeBytes(of: a.bigEndian, toByteOffset: 0, as: UInt64.self)
        target.storeBytes(of: b.bigEndian, toByteOffset: 8, as: UInt64.self)
        target.storeBytes(of: c.bigEndian, toByteOffset: 16, as: UInt64.self)
        target.storeBytes(of: d.bigEndian, toByteOffset: 24, as: UInt64.self)
    }
}

extension Digest: Comparable {
    /// Orders digests as their text orders.
    public static func < (left: Digest, right: Digest) -> Bool {
        (left.a, left.b, left.c, left.d) < (right.a, right.b, right.c, right.d)
    }
}

extension Digest: CustomStringConvertible {
    /// `sha256:<hex>`.
    public var description: String { "sha256:" + hex }
}

extension Digest: Codable {
    /// Decodes the text form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Encodes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Why a text is not a digest.
public enum DigestError: Error, Equatable, CustomStringConvertible {
    /// The algorithm before the colon is not sha256.
    case unsupportedAlgorithm(String)
    /// Not 64 lower-case hexadecimal digits.
    case malformed(String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .unsupportedAlgorithm(let text): "digest \"\(text)\": only sha256 is supported"
        case .malformed(let text): "digest \"\(text)\": expected sha256: and 64 lower-case hexadecimal digits"
        }
    }
}
