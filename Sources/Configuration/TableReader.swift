internal import TOMLKit

/// Reads one table, key by key, and knows at the end which keys nobody asked for.
final class TableReader {
    private let table: TOMLTable
    private let name: String
    private var unread: Set<String>
    let source: SourceText

    /// - Parameter name: of the table, with its parents', for messages; empty for the file itself.
    init(_ table: TOMLTable, name: String = "", in source: SourceText) {
        self.table = table
        self.name = name
        self.source = source
        unread = Set(table.keys)
    }

    /// All keys, in the order of the alphabet.
    var keys: [String] { table.keys.sorted() }

    func read(_ key: String, into value: inout Bool) throws(ConfigurationError) {
        guard let found = take(key) else { return }
        guard let bool = found.bool else { throw failure(key, "must be true or false") }
        value = bool
    }

    /// Reads a whole number; sizes and times are never negative, the few that may be say what it means.
    func read(_ key: String, into value: inout Int) throws(ConfigurationError) {
        guard let found = take(key) else { return }
        guard let int = found.int else { throw failure(key, "must be a whole number") }
        value = int
    }

    func read(_ key: String, into value: inout String) throws(ConfigurationError) {
        guard let found = take(key) else { return }
        guard let string = found.string else { throw failure(key, "must be a text in quotes") }
        value = string
    }

    /// A text or a list of texts.
    func strings(_ key: String) throws(ConfigurationError) -> [String] {
        let found = take(key)
        if let string = found?.string { return [string] }
        guard let array = found?.array else { throw failure(key, "must be a text or a list of texts") }
        var strings: [String] = []
        for element in array {
            guard let string = element.string else { throw failure(key, "must be a text or a list of texts") }
            strings.append(string)
        }
        return strings
    }

    /// Hands a table within this one to `body`, when it is there.
    func readTable(_ key: String, _ body: (TableReader) throws(ConfigurationError) -> Void) throws(ConfigurationError) {
        guard let found = take(key) else { return }
        guard let inner = found.table else { throw failure(key, "must be a table") }
        try read(inner, key, body)
    }

    /// Hands every table of a list to `body`.
    func readTables(_ key: String, _ body: (TableReader) throws(ConfigurationError) -> Void) throws(ConfigurationError) {
        guard let found = take(key) else { return }
        guard let array = found.array else { throw failure(key, "must be a list of tables") }
        for element in array {
            guard let inner = element.table else { throw failure(key, "must be a list of tables") }
            try read(inner, key, body)
        }
    }

    /// To be called when everything was read.
    func finish() throws(ConfigurationError) {
        guard let key = unread.min() else { return }
        throw .unknownKey(path: source.path, line: source.line(of: key, in: name), key: full(key))
    }

    func failure(_ key: String, _ reason: String) -> ConfigurationError {
        .badValue(path: source.path, line: source.line(of: key, in: name), key: full(key), reason: reason)
    }

    private func read(
        _ inner: TOMLTable, _ key: String, _ body: (TableReader) throws(ConfigurationError) -> Void
    ) throws(ConfigurationError) {
        let reader = TableReader(inner, name: full(key), in: source)
        try body(reader)
        try reader.finish()
    }

    private func take(_ key: String) -> (any TOMLValueConvertible)? {
        guard unread.remove(key) != nil else { return nil }
        let found = table[key]
        if found?.table == nil { source.seenKeys.insert(full(key)) }
        return found
    }

    private func full(_ key: String) -> String {
        let isBare = key.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        let shown = isBare && !key.isEmpty ? key : "\"\(key)\""
        return name.isEmpty ? shown : name + "." + shown
    }
}
