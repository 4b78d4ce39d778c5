internal import HostSystem
internal import OCI

/// What a terminal measures, in characters: a container's from its beginning, and what becomes of it when ours changes.
struct ConsoleSize {
    var rows: UInt16
    var columns: UInt16

    /// Of one that nobody looks at yet.
    static let usual = ConsoleSize(rows: 24, columns: 80)

    /// That of our own terminal, where our output is one.
    static var ours: ConsoleSize {
        PseudoTerminal.size(of: 1).map { ConsoleSize(rows: $0.rows, columns: $0.columns) } ?? usual
    }

    /// Gives it to the terminal of the process whose id is in a file; nothing happens when there is no such process, or no terminal.
    ///
    /// runc takes the size over from our terminal when it hears of a change, crun (1.8) does not.
    func give(toProcessIn pidFile: String) {
        guard let process = FirstProcess.id(in: pidFile) else { return }
        PseudoTerminal.setSize(ofProcess: process, rows: rows, columns: columns)
    }

    /// The runtime specification's "consoleSize".
    var json: JSONValue { .object(["height": .integer(Int64(rows)), "width": .integer(Int64(columns))]) }
}
