/// The first line of a script: the program that runs it (execve(2), "Interpreter scripts"). Pure.
public struct ScriptHeader: Equatable, Sendable {
    /// Path of the program, or with `env` before it its name.
    public var interpreter: String
    /// Whether the program is looked for in PATH.
    public var isSearched: Bool

    /// Longest first line that the kernel reads, in bytes.
    public static let longestLine = 256

    /// Reads the beginning of a file; nil for what is no script.
    public init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: Array("#!".utf8)) else { return nil }
        let line = bytes.dropFirst(2).prefix(ScriptHeader.longestLine).prefix { $0 != UInt8(ascii: "\n") }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.map { String(decoding: $0, as: UTF8.self) }
        guard let first = words.first else { return nil }
        guard first.hasSuffix("/env") else {
            (interpreter, isSearched) = (first, false)
            return
        }
        // `env -S program arguments`
        guard let name = words.dropFirst().first(where: { !$0.hasPrefix("-") && !$0.contains("=") }) else { return nil }
        (interpreter, isSearched) = (name, true)
    }
}
