/// One key of the file: its name, where its value goes, what it means, and what becomes of it.
///
/// The only place that names a key: reading, the default file, the reference and the warnings all walk over these.
struct ConfigurationField<Table>: Sendable {
    /// Where a value goes, and what it may be.
    enum Place: Sendable {
        case bool(any (WritableKeyPath<Table, Bool> & Sendable))
        /// A whole number of at least `minimum`; `zeroIsDefault` where 0 means what an absent key means, as it does to stargz-snapshotter.
        case int(any (WritableKeyPath<Table, Int> & Sendable), minimum: Int, zeroIsDefault: Bool)
        /// A text, one of `choices` when there are any.
        case string(any (WritableKeyPath<Table, String> & Sendable), choices: [String])
    }

    let key: String
    let place: Place
    /// One line for the default file, units included.
    let meaning: String
    let effect: KeyEffect

    /// A switch.
    static func bool(
        _ key: String, _ path: any (WritableKeyPath<Table, Bool> & Sendable), _ meaning: String, _ effect: KeyEffect = .works
    ) -> Self {
        Self(key: key, place: .bool(path), meaning: meaning, effect: effect)
    }

    /// A whole number.
    static func int(
        _ key: String, _ path: any (WritableKeyPath<Table, Int> & Sendable), _ meaning: String, minimum: Int = 0,
        zeroIsDefault: Bool = false,
        _ effect: KeyEffect = .works
    ) -> Self {
        Self(key: key, place: .int(path, minimum: minimum, zeroIsDefault: zeroIsDefault), meaning: meaning, effect: effect)
    }

    /// A text.
    static func string(
        _ key: String, _ path: any (WritableKeyPath<Table, String> & Sendable), _ meaning: String, choices: [String] = [],
        _ effect: KeyEffect = .works
    ) -> Self {
        Self(key: key, place: .string(path, choices: choices), meaning: meaning, effect: effect)
    }

    /// Reads the key, if the file has it, into the table's value.
    func read(_ reader: TableReader, into table: inout Table) throws(ConfigurationError) {
        switch place {
        case .bool(let path): try reader.read(key, into: &table[keyPath: path])
        case .int(let path, let minimum, let zeroIsDefault):
            var value = table[keyPath: path]
            try reader.read(key, into: &value)
            guard value >= minimum else {
                throw reader.failure(key, minimum == 0 ? "must not be negative" : "must be at least \(minimum)")
            }
            if value != 0 || !zeroIsDefault { table[keyPath: path] = value }
        case .string(let path, let choices):
            try reader.read(key, into: &table[keyPath: path])
            guard choices.isEmpty || choices.contains(table[keyPath: path]) else {
                throw reader.failure(key, "must be " + Self.listed(choices.map(Self.quoted)))
            }
        }
    }

    /// The value in a table, as TOML writes it.
    func written(_ table: Table) -> String {
        switch place {
        case .bool(let path): "\(table[keyPath: path])"
        case .int(let path, _, _): "\(table[keyPath: path])"
        case .string(let path, _): Self.quoted(table[keyPath: path])
        }
    }

    // Defaults are plain text: nothing in them needs an escape.
    private static func quoted(_ text: String) -> String { "\"\(text)\"" }

    private static func listed(_ words: [String]) -> String {
        words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
    }
}

/// What the daemon does with a key.
enum KeyEffect: Sendable, Equatable {
    case works
    /// Nothing, because this design has nothing that it could mean; the reason, for the user, follows "no effect:".
    case moot(String)
}
