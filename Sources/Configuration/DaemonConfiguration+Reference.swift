extension DaemonConfiguration {
    /// Every key with its values, its default and its meaning, as Markdown: `docs/configuration-reference.md`, which a test holds to it.
    public static var reference: String {
        let defaults = DaemonConfiguration()
        var lines = [
            "# Configuration reference",
            "",
            "Every key of `/etc/containerd-stargz-grpc/config.toml`, as `starlingd config reference` prints it: this page is written by the",
            "program (`make reference`), and a test fails when they differ. What the tables mean together is in [configuration.md](configuration.md).",
            "",
            "A key that is not here, or a value of another type, is an error with file and line. Keys \"without effect\" are those of",
            "stargz-snapshotter that mean nothing to this design: they are accepted, and `starlingd config check FILE` says why.",
            "",
            "## Keys in no table",
            "",
        ]
        lines += defaults.general.reference()
        for table in tables { lines += ["", "## `[\(table.name)]`", ""] + table.reference(defaults) }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ConfigurationTable {
    /// The table's part of the reference: a row for each key, then what is no field.
    func reference() -> [String] {
        let rows = Self.fields.map { "| `\($0.key)` | \($0.values) | `\($0.written(self))` | \(Self.cell($0)) |" }
        let inner = Self.innerExample.isEmpty ? [] : ["", "```toml"] + Self.innerExample + ["```"]
        return ["| key | value | default | meaning |", "|---|---|---|---|"] + rows + inner
    }

    private static func cell(_ field: ConfigurationField<Self>) -> String {
        switch field.effect {
        case .works: field.meaning
        case .moot(let reason): "\(field.meaning) *Without effect: \(reason).*"
        }
    }
}

extension ConfigurationField {
    /// What a value may be, in words.
    fileprivate var values: String {
        switch place {
        case .bool: "`true` or `false`"
        case .int(_, let minimum, let zeroIsDefault):
            (minimum < 0 ? "whole number" : "whole number from \(minimum) on") + (zeroIsDefault ? "; 0: the default" : "")
        case .string(_, let choices): choices.isEmpty ? "text" : choices.map { "`\"\($0)\"`" }.joined(separator: ", ")
        }
    }
}
