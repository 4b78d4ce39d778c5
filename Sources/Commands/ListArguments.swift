import ArgumentParser
import ContainerRun
import OCI

/// How a list is shown.
struct ListArguments: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print ids only.")
    var quiet = false

    @Flag(help: "Print a JSON document.")
    var json = false

    @Option(help: ArgumentHelp("json: a JSON document a line.", valueName: "table|json"))
    var format = Format.table

    enum Format: String, ExpressibleByArgument, CaseIterable, Sendable {
        case table, json
    }

    /// Shows a list the way that was asked for.
    func show<Element>(
        _ elements: [Element], id: (Element) -> String, json document: (Element) -> JSONValue, table: () -> TextTable
    ) throws {
        if quiet { return try elements.forEach { try Terminal.result(id($0)) } }
        if json { return try Terminal.result(Self.text(.array(elements.map(document)))) }
        if format == .json { return try elements.forEach { try Terminal.result(Self.text(document($0))) } }
        for line in table().lines { try Terminal.result(line) }
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: Documents.encode(value), as: UTF8.self) }
}

/// Rows of words in columns.
struct TextTable {
    private var rows: [[String]]

    init(_ heads: [String]) { rows = [heads] }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// Three spaces between columns, as docker has it.
    var lines: [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 3) }
            return String(cells.joined().reversed().drop { $0 == " " }.reversed())
        }
    }
}

/// How long ago something was, in words.
enum Age {
    private static let units: [(name: String, seconds: Int64)] = [
        ("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1),
    ]

    /// The largest unit of which there are two, as docker has it: `90 seconds`, `47 hours`, `2 days`.
    static func text(from start: Timestamp, to end: Timestamp) -> String {
        let seconds = max(0, (end.nanoseconds - start.nanoseconds) / 1_000_000_000)
        let unit = units.first { seconds >= 2 * $0.seconds } ?? ("second", 1)
        let count = seconds / unit.seconds
        return "\(count) \(unit.name)\(count == 1 ? "" : "s")"
    }
}
