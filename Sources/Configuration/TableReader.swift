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

    /// The table that is a whole file.
    convenience init(parsing text: String, path: String) throws(ConfigurationError) {
        do {
            self.init(try TOMLTable(string: text), in: SourceText(text, path: path))
        } catch let error as TOMLParseError {
            throw .malformed(path: path, line: error.source.begin.line, reason: error.description)
        } catch {
            throw .malformed(path: path, line: 1, reason: "not TOML")
        }
    }

    /// All keys, in the order of the alphabet.
    var keys: [String] { table.keys.sorted() }

    /// All keys, in the order of the file; after them those that are written inline.
    var keysInOrder: [String] {
        let written = source.keys(in: name).filter { table.keys.contains($0) }
        return written + keys.filter { !written.contains($0) }
    }

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

    /// A text or a list of texts; nil when the key is not there.
    func stringsIfAny(_ key: String) throws(ConfigurationError) -> [String]? {
        unread.contains(key) ? try strings(key) : nil
    }

    /// A text, or a list of texts and lists of texts; each text alone is a list of one. Empty when the key is not there.
    func stringLists(_ key: String) throws(ConfigurationError) -> [[String]] {
        guard let found = take(key) else { return [] }
        let problem = failure(key, "must be a text, or a list of texts or of pairs of texts")
        if let string = found.string { return [[string]] }
        guard let array = found.array else { throw problem }
        var lists: [[String]] = []
        for element in array {
            if let string = element.string {
                lists.append([string])
                continue
            }
            guard let inner = element.array else { throw problem }
            let strings = inner.compactMap(\.string)
            guard strings.count == inner.count, !strings.isEmpty else { throw problem }
            lists.append(strings)
        }
        return lists
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
        let shown = WrittenKey.shown([key])
        return name.isEmpty ? shown : name + "." + shown
    }
}
