internal import HostSystem

/// docker's `--env-file`: a variable a line.
public enum EnvironmentFile {
    /// 4 MiB: far more than an environment may have.
    private static let limit = 4 << 20

    /// Reads a file: `NAME=value` as it stands, quotes included; `NAME` takes what this process has, if it has it; `#` begins a comment.
    ///
    /// - Throws: `HostError`, or `InvalidOption`.
    public static func read(_ path: String) throws -> [String] {
        try parse(String(decoding: try Files.read(path, limit: limit), as: UTF8.self), name: path, ours: Paths.environment)
    }

    static func parse(_ text: String, name: String, ours: (String) -> String?) throws(InvalidOption) -> [String] {
        var result: [String] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let entry = line.drop { $0 == " " || $0 == "\t" }
            guard !entry.isEmpty, !entry.hasPrefix("#") else { continue }
            let variable = entry.prefix { $0 != "=" }
            guard !variable.isEmpty, !variable.contains(where: \.isWhitespace) else {
                throw InvalidOption(text: name, reason: "line \(index + 1) has no NAME before its value, or one with a space")
            }
            if entry.contains("=") {
                result.append(String(entry))
            } else if let value = ours(String(variable)) {
                result.append("\(variable)=\(value)")
            }
        }
        return result
    }
}
