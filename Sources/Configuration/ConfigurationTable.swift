/// A table of the file as a value: its keys are fields, tables within it are read by hand.
protocol ConfigurationTable: Sendable {
    static var fields: [ConfigurationField<Self>] { get }
    /// Reads what is no field.
    mutating func readInner(_ reader: TableReader) throws(ConfigurationError)
    /// Commented lines for the default file about what is no field; none by default.
    static var innerExample: [String] { get }
}

extension ConfigurationTable {
    mutating func readInner(_ reader: TableReader) throws(ConfigurationError) {}
    static var innerExample: [String] { [] }

    mutating func read(_ reader: TableReader) throws(ConfigurationError) {
        for field in Self.fields { try field.read(reader, into: &self) }
        try readInner(reader)
    }

    /// Keys with their tables, and what becomes of each.
    static func effects(in name: String) -> [String: KeyEffect] {
        let front = name.isEmpty ? "" : name + "."
        return Dictionary(uniqueKeysWithValues: fields.map { (front + $0.key, $0.effect) })
    }

    /// The lines of the default file: each key with its default, those without effect as comments.
    func lines() -> [String] {
        Self.fields.flatMap { field -> [String] in
            let assignment = "\(field.key) = \(field.written(self))"
            return switch field.effect {
            case .works: ["# \(field.meaning)", assignment]
            case .moot(let reason): ["# \(field.meaning)", "# No effect: \(reason).", "#\(assignment)"]
            }
        } + Self.innerExample
    }
}

/// A table of the whole configuration, by name.
struct NamedTable: Sendable {
    let name: String
    let effects: [String: KeyEffect]
    let read: @Sendable (inout DaemonConfiguration, TableReader) throws(ConfigurationError) -> Void
    let lines: @Sendable (DaemonConfiguration) -> [String]
    let reference: @Sendable (DaemonConfiguration) -> [String]

    init<Table: ConfigurationTable>(_ name: String, _ path: any (WritableKeyPath<DaemonConfiguration, Table> & Sendable)) {
        self.name = name
        effects = Table.effects(in: name)
        read = { configuration, reader throws(ConfigurationError) in
            try reader.readTable(name) { table throws(ConfigurationError) in try configuration[keyPath: path].read(table) }
        }
        lines = { $0[keyPath: path].lines() }
        reference = { $0[keyPath: path].reference() }
    }
}
