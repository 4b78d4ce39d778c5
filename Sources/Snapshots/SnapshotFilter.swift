internal import _StringProcessing

/// A list of containerd filters: a snapshot passes when any filter matches, a filter matches when all its selectors do.
///
/// A selector is a field path, or a field path, an operator and a value: `kind==active`, `labels."containerd.io/gc.root"`,
/// `name~=/^k8s/`. Fields of a snapshot are `kind`, `name`, `parent` and `labels.<key>`.
public struct SnapshotFilter {
    /// What a selector demands of its field.
    enum Condition {
        case isPresent
        case equals(String)
        case differs(String)
        case matches(Regex<AnyRegexOutput>)
    }

    struct Selector {
        var path: [String]
        var condition: Condition
    }

    /// Filters, each a list of selectors. No filters at all let everything pass.
    let filters: [[Selector]]

    /// Parses filters as containerd's clients write them; an empty one matches everything.
    public init(parsing texts: [String]) throws(SnapshotError) {
        var filters: [[Selector]] = []
        for text in texts {
            var parser = SnapshotFilterParser(text)
            filters.append(try parser.selectors())
        }
        self.filters = filters
    }

    /// Whether a snapshot passes.
    public func matches(_ info: SnapshotInfo) -> Bool {
        filters.isEmpty || filters.contains { selectors in selectors.allSatisfy { $0.matches(info) } }
    }

    /// The value that a lone filter demands of a field, so that the database can look it up instead of reading every row.
    func demandedValue(of path: [String]) -> String? {
        guard filters.count == 1 else { return nil }
        for selector in filters[0] where selector.path == path {
            if case .equals(let value) = selector.condition { return value }
        }
        return nil
    }
}

extension SnapshotFilter.Selector {
    /// As in containerd, an absent field counts as empty for `!=` and `~=`.
    func matches(_ info: SnapshotInfo) -> Bool {
        let value = field(of: info)
        switch condition {
        case .isPresent: return value != nil
        case .equals(let wanted): return value == wanted
        case .differs(let unwanted): return (value ?? "") != unwanted
        case .matches(let expression): return (value ?? "").firstMatch(of: expression) != nil
        }
    }

    private func field(of info: SnapshotInfo) -> String? {
        switch path[0] {
        case "kind": info.kind.description
        case "name": info.name
        case "parent": info.parent
        // `labels.a.b` and `labels."a.b"` are the same key.
        case "labels": info.labels[path.dropFirst().joined(separator: ".")]
        default: nil
        }
    }
}
