/// The file's text, to say where a key stands and what came first: the parser keeps positions of syntax errors only, and no order.
final class SourceText {
    let path: String
    /// Keys that were read, with their tables.
    var seenKeys: Set<String> = []
    private let places: [(key: [String], line: Int)]

    init(_ text: String, path: String) {
        self.path = path
        places = SourceText.places(text)
    }

    /// Line of a key, counted from 1; nil when it is written in a way that a look at line beginnings does not find (inline).
    func line(of key: String, in table: String) -> Int? {
        line(of: (table.isEmpty ? "" : table + ".") + WrittenKey.shown([key]))
    }

    /// Line of a key with its tables, as messages show it.
    func line(of key: String) -> Int? {
        places.first { WrittenKey.shown($0.key) == key }?.line
    }

    /// Keys of a table in the order of the file; those that are written inline are missing.
    func keys(in table: String) -> [String] {
        var keys: [String] = []
        for place in places {
            for count in place.key.indices where count > 0 && WrittenKey.shown(Array(place.key[..<count])) == table {
                if !keys.contains(place.key[count]) { keys.append(place.key[count]) }
            }
        }
        return keys
    }

    /// Every header of a table and every assignment that begins a line, with the tables that they stand in.
    private static func places(_ text: String) -> [(key: [String], line: Int)] {
        var table: [String] = []
        var found: [(key: [String], line: Int)] = []
        // A Windows line end is one character, and not "\n".
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.first == "[" {
                guard let key = WrittenKey(line.drop { $0 == "[" }), key.rest.first == "]" else { continue }
                table = key.parts
                found.append((table, index + 1))
            } else if let key = WrittenKey(line), key.rest.first == "=" {
                found.append((table + key.parts, index + 1))
            }
        }
        return found
    }
}
