internal import Glibc

/// A pull parser for JSON in memory: the caller asks for what it expects, nothing is built that is not asked for.
///
/// Made for TOCs of 100,000 entries, where a general decoder takes seconds. Never reads past `bytes`; nesting of skipped values is bounded.
struct JSONScanner {
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    /// Deepest nesting of a value that is skipped; a TOC needs none, and recursion must end.
    private static let maximumDepth = 32

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    func failure(_ reason: String) -> FormatError { .json(offset: position, reason) }

    /// Goes on behind what was read already.
    mutating func skip(to position: Int) { self.position = position }

    private var isAtEnd: Bool { position >= bytes.count }

    @inline(__always)
    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            default: return
            }
        }
    }

    /// The next significant byte, not consumed.
    @inline(__always)
    mutating func peek() throws(FormatError) -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw failure("unexpected end") }
        return bytes[position]
    }

    @inline(__always)
    mutating func expect(_ character: UInt8) throws(FormatError) {
        guard try peek() == character else { throw failure("expected \"\(UnicodeScalar(character))\"") }
        position += 1
    }

    /// Consumes a character if it comes next.
    @inline(__always)
    mutating func accept(_ character: UInt8) throws(FormatError) -> Bool {
        guard try peek() == character else { return false }
        position += 1
        return true
    }

    mutating func expectEnd() throws(FormatError) {
        skipSpace()
        guard isAtEnd else { throw failure("unexpected bytes after the document") }
    }

    /// Walks an object's members; `member` gets the key's bytes, escapes resolved, and must consume the value.
    mutating func object(_ member: (inout JSONScanner, UnsafeRawBufferPointer) throws(FormatError) -> Void) throws(FormatError) {
        try expect(UInt8(ascii: "{"))
        if try accept(UInt8(ascii: "}")) { return }
        repeat {
            let (key, hasEscapes) = try scanString()
            try expect(UInt8(ascii: ":"))
            if hasEscapes {
                guard let text = JSONEscapes.resolve(key) else { throw failure("invalid escape in a text") }
                try Array(text.utf8).withUnsafeBytes { key in Result { () throws(FormatError) in try member(&self, key) } }.get()
            } else {
                try member(&self, key)
            }
        } while try accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    /// Walks a list's elements; `element` must consume each. `null` is an empty list, as Go writes it.
    mutating func array(_ element: (inout JSONScanner) throws(FormatError) -> Void) throws(FormatError) {
        if try acceptNull() { return }
        try expect(UInt8(ascii: "["))
        if try accept(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while try accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
    }

    @inline(__always)
    mutating func acceptNull() throws(FormatError) -> Bool {
        guard try peek() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    private mutating func literal(_ word: StaticString) throws(FormatError) {
        let length = word.utf8CodeUnitCount
        guard bytes.count - position >= length, let base = bytes.baseAddress, memcmp(base + position, word.utf8Start, length) == 0 else {
            throw failure("not a JSON value")
        }
        position += length
    }

    /// The bytes between the quotes, escapes not resolved.
    mutating func rawString() throws(FormatError) -> UnsafeRawBufferPointer { try scanString().bytes }

    private mutating func scanString() throws(FormatError) -> (bytes: UnsafeRawBufferPointer, hasEscapes: Bool) {
        try expect(UInt8(ascii: "\""))
        let start = position
        var hasEscapes = false
        while true {
            skipPlain()
            guard position < bytes.count else { break }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return (UnsafeRawBufferPointer(rebasing: bytes[start..<position - 1]), hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position += 2
            default: throw failure("control character in a text")
            }
        }
        position = bytes.count
        throw failure("a text does not end")
    }

    /// Passes over bytes of a text that mean nothing to a scanner, eight at a time: all but quotes, backslashes and control characters.
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let (quotes, backslashes) = (word ^ ones &* 0x22, word ^ ones &* 0x5c)
            // The high bit of each byte that is below zero after the subtraction and was not before. A borrow may set that of a byte behind it,
            // too; the first one is right.
            let found = (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- ones &* 0x20) & ~word
            let first = (found & (ones &* 0x80)).trailingZeroBitCount / 8
            guard first == 8 else { return position += first }
            position += 8
        }
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20: return
            default: position += 1
            }
        }
    }

    mutating func string() throws(FormatError) -> String {
        if try acceptNull() { return "" }
        let (raw, hasEscapes) = try scanString()
        guard hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        guard let text = JSONEscapes.resolve(raw) else { throw failure("invalid escape in a text") }
        return text
    }

    /// A whole number in the range of Int64; fractions and exponents are refused.
    mutating func integer() throws(FormatError) -> Int64 {
        if try acceptNull() { return 0 }
        let negative = try accept(UInt8(ascii: "-"))
        let start = position
        var value: Int64 = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = negative ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
            guard !overflow, !carry else { throw failure("a number beyond 64 bits") }
            value = sum
            position += 1
        }
        guard position > start else { throw failure("expected a number") }
        guard position < bytes.count else { return value }
        switch bytes[position] {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): throw failure("expected a whole number")
        default: return value
        }
    }

    /// Passes over any value.
    mutating func skipValue(depth: Int = 0) throws(FormatError) {
        guard depth < JSONScanner.maximumDepth else { throw failure("values nested deeper than \(JSONScanner.maximumDepth)") }
        switch try peek() {
        case UInt8(ascii: "{"): try object { scanner, _ throws(FormatError) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["): try array { scanner throws(FormatError) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try rawString()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: try skipNumber()
        }
    }

    private mutating func skipNumber() throws(FormatError) {
        let start = position
        while position < bytes.count, "+-.0123456789eE".utf8.contains(bytes[position]) { position += 1 }
        guard position > start else { throw failure("not a JSON value") }
    }
}
