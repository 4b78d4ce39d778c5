import OCI
import TestSupport
import Testing

@Suite("documents that want to cost something")
struct DocumentBoundTests {
    /// A list of as many equal values as the largest document holds.
    private func document(of value: String) -> [UInt8] {
        let count = (Documents.maximumSize - 16) / (value.utf8.count + 1)
        return Array(("{\"a\":[" + Array(repeating: value, count: count).joined(separator: ",") + "]}").utf8)
    }

    @Test(
        "the largest document is read in bounded time and memory, whatever it is full of", .timeLimit(.minutes(1)),
        arguments: ["{}", "[]", "0", "\"\"", "null", "1e9"])
    func full(value: String) throws {
        let bytes = document(of: value)
        let growth = try PeakMemory.growth {
            _ = try Documents.decode(JSONValue.self, from: bytes, what: "test")
        }
        #expect(growth < 64 * bytes.count, "\(growth >> 20) MiB")
    }

    @Test(
        "any JSON is read as what it says",
        arguments: [
            ("null", JSONValue.null), (" true ", .bool(true)), ("-12", .integer(-12)), ("1.0", .integer(1)), ("1e3", .integer(1000)),
            ("1.5", .number(1.5)), ("18446744073709551615", .number(18_446_744_073_709_551_616)), ("9223372036854775807", .integer(.max)),
            ("\"a\\u00e4\\ud83c\\udf1f\\n\\/\"", .string("aä🌟\n/")), ("[]", .array([])),
            ("{\"a\":[1,{}]}", .object(["a": .array([.integer(1), .object([:])])])),
        ])
    func values(text: String, value: JSONValue) throws {
        #expect(try Documents.decode(JSONValue.self, from: Array(text.utf8), what: "test") == value)
    }

    @Test(
        "what is no JSON is refused with its place",
        arguments: [
            "", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "-", "1.", "1e", ".5", "+1", "tru", "nul", "\"", "\"\u{1}\"", "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "1 2", "1e999", "{\"a\":1,\"a\":1}", "\"\\", "nan",
        ])
    func refused(text: String) {
        let error = #expect(throws: DocumentError.self) { try Documents.decode(JSONValue.self, from: Array(text.utf8), what: "test") }
        #expect(error?.description.contains("at byte") == true)
    }

    @Test("values nested 100,000 deep are refused, not followed", arguments: ["[", "{\"a\":", "{\"layers\":["])
    func deep(value: String) {
        let bytes = Array(String(repeating: value, count: 100_000).utf8)
        #expect(throws: DocumentError.self) { try Documents.decode(JSONValue.self, from: bytes, what: "test") }
        #expect(throws: DocumentError.self) { try Documents.decode(Manifest.self, from: bytes, what: "test") }
    }

    @Test("a document beyond the bound is refused before it is read")
    func tooLarge() {
        let size = Documents.maximumSize + 1
        #expect(throws: DocumentError.tooLarge(what: "test", size: size)) {
            try Documents.decode(Manifest.self, from: [UInt8](repeating: 0x20, count: size), what: "test")
        }
    }
}
