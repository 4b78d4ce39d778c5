/// A key as a file writes it: bare, "quoted" or 'literal' parts with dots between them.
struct WrittenKey: Equatable {
    /// The parts, without quotes.
    private(set) var parts: [String] = []
    /// What follows the key.
    private(set) var rest: Substring

    /// Reads a key from the front of a text; nil when there is none.
    init?(_ text: Substring) {
        rest = text
        repeat {
            rest = WrittenKey.withoutSpaces(rest.first == "." ? rest.dropFirst() : rest)
            guard let part = takePart() else { return nil }
            parts.append(part)
            rest = WrittenKey.withoutSpaces(rest)
        } while rest.first == "."
    }

    /// Parts as messages show them: quoted where they must be.
    static func shown(_ parts: [String]) -> String {
        parts.map { !$0.isEmpty && $0.utf8.allSatisfy(isBare) ? $0 : "\"\($0)\"" }.joined(separator: ".")
    }

    private mutating func takePart() -> String? {
        guard let quote = rest.first, quote == "\"" || quote == "'" else {
            let part = rest.prefix { $0.utf8.allSatisfy(WrittenKey.isBare) }
            rest = rest.dropFirst(part.count)
            return part.isEmpty ? nil : String(part)
        }
        var part = ""
        var isEscaped = false
        var left = rest.dropFirst()
        while let character = left.popFirst() {
            if !isEscaped, character == quote {
                rest = left
                return part
            }
            isEscaped = !isEscaped && character == "\\" && quote == "\""
            if !isEscaped { part.append(character) }
        }
        return nil
    }

    private static func withoutSpaces(_ text: Substring) -> Substring { text.drop { $0 == " " || $0 == "\t" } }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
