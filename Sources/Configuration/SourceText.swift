/// The file's text, to say where a key stands: the parser keeps positions of syntax errors only.
final class SourceText {
    let path: String
    /// Keys that were read, with their tables.
    var seenKeys: Set<String> = []
    private let lines: [Substring]

    init(_ text: String, path: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Line of a key, counted from 1; nil when it is written in a way that a look at line beginnings does not find (dotted, inline).
    func line(of key: String, in table: String) -> Int? {
        var current = ""
        for (index, line) in lines.enumerated() {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("[") {
                current = Self.header(line)
                // The key may be a table itself.
                if current == (table.isEmpty ? key : table + "." + key) { return index + 1 }
            } else if current == table, Self.isAssignment(line, of: key) {
                return index + 1
            }
        }
        return nil
    }

    /// `a."b.c"` of `[a."b.c"]` and `[[a."b.c"]]`.
    private static func header(_ line: Substring) -> String {
        let inner = line.drop { $0 == "[" }
        return String(inner.prefix { $0 != "]" }.filter { $0 != " " && $0 != "\t" })
    }

    private static func isAssignment(_ line: Substring, of key: String) -> Bool {
        guard let equals = line.firstIndex(of: "=") else { return false }
        var name = line[..<equals]
        while let last = name.last, last == " " || last == "\t" { name.removeLast() }
        return name == key || name == "\"\(key)\"" || name == "'\(key)'"
    }
}
