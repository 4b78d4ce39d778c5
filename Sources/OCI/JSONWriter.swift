/// Writes any JSON as `Documents` does: keys sorted, no white space, `/` as it is (RFC 8259).
struct JSONWriter {
    private(set) var output: [UInt8] = []

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += "\(value)".utf8
        case .number(let value): write(value)
        case .string(let text): write(text)
        case .array(let elements):
            list("[", elements, "]") { writer, element in writer.write(element) }
        case .object(let members):
            list("{", members.sorted { $0.key < $1.key }, "}") { writer, member in
                writer.write(member.key)
                writer.output.append(UInt8(ascii: ":"))
                writer.write(member.value)
            }
        }
    }

    private mutating func list<Element>(
        _ opening: Unicode.Scalar, _ elements: [Element], _ closing: Unicode.Scalar, _ write: (inout JSONWriter, Element) -> Void
    ) {
        output.append(UInt8(ascii: opening))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            write(&self, element)
        }
        output.append(UInt8(ascii: closing))
    }

    /// The shortest decimal that reads back as the same number. What is none has no JSON, and comes from no document.
    private mutating func write(_ number: Double) {
        precondition(number.isFinite, "JSON has finite numbers only")
        let text = "\(number)"
        output += (text.hasSuffix(".0") ? text.dropLast(2) : text[...]).utf8
    }

    private mutating func write(_ text: String) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if let escaped = JSONWriter.escape(byte) { output += escaped } else { output.append(byte) }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8) -> [UInt8]? {
        func short(_ letter: Unicode.Scalar) -> [UInt8] { [UInt8(ascii: "\\"), UInt8(ascii: letter)] }
        switch byte {
        case UInt8(ascii: "\""): return short("\"")
        case UInt8(ascii: "\\"): return short("\\")
        case 8: return short("b")
        case 9: return short("t")
        case 10: return short("n")
        case 12: return short("f")
        case 13: return short("r")
        case 0..<0x20: return Array((byte < 16 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
        default: return nil
        }
    }
}
