import FoundationEssentials
import OCI
import Testing

@Suite("writing JSON")
struct JSONWriterTests {
    private static let values: [JSONValue] = [
        .null, .bool(true), .bool(false), .integer(0), .integer(.min), .integer(.max), .number(0.5), .number(-1e300), .number(1e21),
        .number(3),
        .string(""), .string("a/b \"c\" \\ \u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f} ü € 😀 \u{2028}"), .array([]), .object([:]),
        .array([.integer(1), .array([.null]), .object(["x": .string("y")])]),
        .object(["b": .integer(1), "a": .array([.bool(true)]), "B": .null, "aa": .object(["\"": .string("/")]), "": .number(-0.25)]),
    ]

    @Test("it is what Foundation's encoder writes, byte for byte", arguments: values)
    func same(value: JSONValue) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let expected = try Array(encoder.encode(value))
        #expect(Documents.encode(value) == expected)
    }

    @Test("what is written is read again", arguments: values)
    func readAgain(value: JSONValue) throws {
        let again = try Documents.decode(JSONValue.self, from: Documents.encode(value), what: "value")
        #expect(again == value || value == .number(3) && again == .integer(3))
    }
}
