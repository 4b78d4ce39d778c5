internal import _StringProcessing

/// Recursive descent over containerd's filter grammar:
///
///     selectors := selector ("," selector)*        value  := quoted | [^\s,]+
///     selector  := path (operator value)?          quoted := "…" with Go's escapes; after ~= also /…/ and |…|
///     path      := field ("." field)*              field  := quoted | [A-Za-z0-9_]+
///     operator  := "==" | "!=" | "~="
struct SnapshotFilterParser {
    private let text: String
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func selectors() throws(SnapshotError) -> [SnapshotFilter.Selector] {
        guard !bytes.isEmpty else { return [] }
        var result = [try selector()]
        while let byte = peek() {
            guard byte == UInt8(ascii: ",") else { throw failure("unexpected input") }
            position += 1
            result.append(try selector())
        }
        return result
    }

    private mutating func selector() throws(SnapshotError) -> SnapshotFilter.Selector {
        var path = [try field()]
        while peek() == UInt8(ascii: ".") {
            position += 1
            path.append(try field())
        }
        guard let next = peek(), next != UInt8(ascii: ",") else { return .init(path: path, condition: .isPresent) }
        switch try `operator`() {
        case "==": return .init(path: path, condition: .equals(try value(isPattern: false)))
        case "!=": return .init(path: path, condition: .differs(try value(isPattern: false)))
        default: return .init(path: path, condition: .matches(try pattern()))
        }
    }

    private mutating func field() throws(SnapshotError) -> String {
        if peek() == UInt8(ascii: "\"") { return try quoted(isPattern: false) }
        let name = take(while: Self.isFieldByte)
        guard !name.isEmpty else { throw failure("expected a field") }
        return name
    }

    private mutating func `operator`() throws(SnapshotError) -> String {
        let start = position
        let symbol = take { "=!~".utf8.contains($0) }
        guard ["==", "!=", "~="].contains(symbol) else {
            position = start
            throw failure("expected an operator: ==, != or ~=")
        }
        return symbol
    }

    private mutating func pattern() throws(SnapshotError) -> Regex<AnyRegexOutput> {
        let start = position
        let source = try value(isPattern: true)
        do {
            return try Regex(source)
        } catch {
            position = start
            throw failure("not a regular expression")
        }
    }

    private mutating func value(isPattern: Bool) throws(SnapshotError) -> String {
        if let byte = peek(), byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "|") {
            guard byte == UInt8(ascii: "\"") || isPattern else { throw failure("only ~= takes a value in / or |") }
            return try quoted(isPattern: isPattern)
        }
        let word = take { $0 != UInt8(ascii: ",") && !Self.isSpace($0) }
        guard !word.isEmpty else { throw failure("expected a value") }
        return word
    }

    /// Skips white space; nil at the end.
    private mutating func peek() -> UInt8? {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func take(while accepts: (UInt8) -> Bool) -> String {
        let start = position
        while position < bytes.count, accepts(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func failure(_ reason: String) -> SnapshotError {
        .invalidFilter(text, position: position, reason: reason)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    private static func isFieldByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

// Quoted text.
extension SnapshotFilterParser {
    /// Reads from the opening quote to the closing one.
    private mutating func quoted(isPattern: Bool) throws(SnapshotError) -> String {
        let quote = bytes[position]
        position += 1
        var result: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") {
            let byte = bytes[position]
            if byte == quote {
                position += 1
                guard let value = String(validating: result, as: UTF8.self) else { throw failure("quoted text is not UTF-8") }
                return value
            }
            position += 1
            if byte == UInt8(ascii: "\\") {
                try escape(quote: quote, isPattern: isPattern, into: &result)
            } else {
                result.append(byte)
            }
        }
        throw failure("quoted text does not end")
    }

    /// Go's escapes. In a pattern, what Go does not know (`\.`, `\d`) stays as it is: it belongs to the regular expression.
    private mutating func escape(quote: UInt8, isPattern: Bool, into result: inout [UInt8]) throws(SnapshotError) {
        guard position < bytes.count else { throw failure("quoted text does not end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case quote, UInt8(ascii: "\\"): result.append(byte)
        case UInt8(ascii: "a"): result.append(0x07)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0c)
        case UInt8(ascii: "n"): result.append(0x0a)
        case UInt8(ascii: "r"): result.append(0x0d)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "v"): result.append(0x0b)
        case UInt8(ascii: "x"): result.append(UInt8(truncatingIfNeeded: try digits(2, radix: 16)))
        case UInt8(ascii: "u"): result += try scalar(digits: 4)
        case UInt8(ascii: "U"): result += try scalar(digits: 8)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            guard let value = UInt8(exactly: try digits(3, radix: 8)) else { throw failure("an octal escape above \\377") }
            result.append(value)
        default:
            guard isPattern else { throw failure("unknown escape") }
            result += [UInt8(ascii: "\\"), byte]
        }
    }

    private mutating func scalar(digits count: Int) throws(SnapshotError) -> [UInt8] {
        guard let scalar = Unicode.Scalar(try digits(count, radix: 16)) else { throw failure("no such character") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func digits(_ count: Int, radix: Int) throws(SnapshotError) -> UInt32 {
        guard position + count <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<position + count], as: UTF8.self), radix: radix)
        else { throw failure("expected \(count) digits of base \(radix)") }
        position += count
        return value
    }
}
