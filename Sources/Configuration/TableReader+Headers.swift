extension TableReader {
    /// A table of HTTP headers; empty when it is not there.
    func headers(_ key: String) throws(ConfigurationError) -> [String: String] {
        var headers: [String: String] = [:]
        try readTable(key) { header throws(ConfigurationError) in
            for name in header.keys { headers[name] = try Self.value(name, header) }
        }
        return headers
    }

    private static func value(_ name: String, _ table: TableReader) throws(ConfigurationError) -> String {
        // Several values are one list (RFC 9110, section 5.3).
        let value = try table.strings(name).joined(separator: ", ")
        let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 32 && $0 < 127 } && !name.contains { ":()<>@,;\\\"/[]?={}".contains($0) }
        guard isName else { throw table.failure(name, "is not the name of a header") }
        guard value.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            throw table.failure(name, "has a control character in its value")
        }
        return value
    }
}
