/// Reads any JSON document (RFC 8259) as a `JSONValue`.
///
/// Foundation's decoder has to be asked for one type after another and makes an error of each wrong guess: a hostile configuration of
/// 4 MiB kept it busy for a minute. Here the first byte decides. What is accepted means the same to both; Foundation also takes texts in
/// UTF-16 and UTF-32 and commas behind the last member, which are no JSON, and the first of two equal keys.
struct JSONParser {
    /// Why bytes are not JSON, and where.
    struct Failure: Error {
        let reason: String
        let offset: Int
    }

    /// Deepest nesting, Foundation's own bound; recursion must end.
    private static let maximumDepth = 512

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// Parses a whole document.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value(depth: 0)
        guard parser.peek() == nil else { throw parser.failure("unexpected bytes after the document") }
        return value
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private func failure(_ reason: String) -> Failure { Failure(reason: "not JSON: " + reason, offset: position) }

    /// The next byte that is no white space, not consumed; nil at the end.
    private mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    private mutating func accept(_ character: UInt8) -> Bool {
        guard peek() == character else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: UInt8) throws(Failure) {
        guard accept(character) else { throw failure("expected \"\(UnicodeScalar(character))\"") }
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONValue {
        guard depth <= JSONParser.maximumDepth else { throw failure("values nested deeper than \(JSONParser.maximumDepth)") }
        switch peek() {
        case UInt8(ascii: "{"): return .object(try object(depth))
        case UInt8(ascii: "["): return .array(try array(depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func literal(_ word: String, _ value: JSONValue) throws(Failure) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw failure("not a JSON value") }
        position += word.utf8.count
        return value
    }

    private mutating func array(_ depth: Int) throws(Failure) -> [JSONValue] {
        var elements: [JSONValue] = []
        try expect(UInt8(ascii: "["))
        if accept(UInt8(ascii: "]")) { return elements }
        repeat { elements.append(try value(depth: depth + 1)) } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return elements
    }

    private mutating func object(_ depth: Int) throws(Failure) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        try expect(UInt8(ascii: "{"))
        if accept(UInt8(ascii: "}")) { return members }
        repeat {
            _ = peek()
            let start = position
            let key = try string()
            try expect(UInt8(ascii: ":"))
            // JSON leaves open what that means, and readers differ.
            guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
                throw Failure(reason: "the key \(key.prefix(80).debugDescription) is there twice, again", offset: start)
            }
        } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return members
    }

    private mutating func string() throws(Failure) -> String {
        try expect(UInt8(ascii: "\""))
        let start = position
        var hasEscapes = false
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard bytes[position] >= 0x20 else { throw failure("control character in a text") }
            hasEscapes = hasEscapes || bytes[position] == UInt8(ascii: "\\")
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < bytes.count else { throw failure("a text does not end") }
        let raw = bytes[start..<position]
        position += 1
        guard let text = hasEscapes ? JSONParser.resolve(raw) : String(validating: raw, as: UTF8.self) else {
            throw failure("a text with an invalid escape or encoding")
        }
        return text
    }

    /// The text of raw string bytes with escapes; nil when it is not valid, lone surrogates included.
    private static func resolve(_ raw: Slice<UnsafeRawBufferPointer>) -> String? {
        var output: [UInt8] = []
        output.reserveCapacity(raw.count)
        var rest = raw
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                output.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\""): output.append(UInt8(ascii: "\""))
            case UInt8(ascii: "\\"): output.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "/"): output.append(UInt8(ascii: "/"))
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0c)
            case UInt8(ascii: "n"): output.append(0x0a)
            case UInt8(ascii: "r"): output.append(0x0d)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = scalar(&rest) else { return nil }
                output.append(contentsOf: String(Character(scalar)).utf8)
            default: return nil
            }
        }
        return String(validating: output, as: UTF8.self)
    }

    private static func scalar(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UnicodeScalar? {
        guard let high = unit(&rest) else { return nil }
        guard (0xd800..<0xdc00).contains(high) else { return UnicodeScalar(high) }
        guard rest.popFirst() == UInt8(ascii: "\\"), rest.popFirst() == UInt8(ascii: "u"), let low = unit(&rest),
            (0xdc00..<0xe000).contains(low)
        else { return nil }
        return UnicodeScalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
    }

    private static func unit(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt32? {
        let digits = rest.prefix(4)
        // UInt32(_:radix:) takes a sign too.
        guard digits.count == 4, digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else { return nil }
        rest = rest.dropFirst(4)
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = position
        func digits() -> Int { bytes[position...].prefix { $0 >= 0x30 && $0 <= 0x39 }.count }
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[position] != UInt8(ascii: "0") else { throw failure("not a JSON value") }
        position += whole
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            let fraction = digits()
            guard fraction > 0 else { throw failure("a number without digits behind its point") }
            position += fraction
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[position]) { position += 1 }
            let exponent = digits()
            guard exponent > 0 else { throw failure("a number without digits in its exponent") }
            position += exponent
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw failure("a number that is too large") }
        // 1.0 and 1e3 are whole numbers, whatever they look like.
        return Int64(exactly: number).map(JSONValue.integer) ?? .number(number)
    }
}
