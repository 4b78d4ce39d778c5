import ArgumentParser
import Glibc
import OCI

/// How progress is shown.
enum ProgressStyle: String, ExpressibleByArgument, CaseIterable {
    /// A line that moves on a terminal, else plain lines.
    case auto
    /// A line per event.
    case plain
    /// A JSON object per event.
    case json
    /// Nothing.
    case none

    /// Whether a line is to move.
    var moves: Bool { self == .auto && isatty(2) == 1 }

    /// One object on a line, for programs.
    static func json(_ members: [String: JSONValue]) -> String {
        String(decoding: Documents.encode(.object(members)), as: UTF8.self)
    }
}
