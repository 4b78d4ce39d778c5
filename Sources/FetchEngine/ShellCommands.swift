/// The programs that a shell script is likely to start: the words that stand where commands do. A guess: what is quoted, computed or defined in the
/// script itself is not understood. Pure.
public enum ShellCommands {
    /// Scripts up to this size are read, in bytes.
    public static let largestFile: UInt64 = 64 << 10
    /// Different commands that are believed.
    private static let mostCommands = 64

    /// Words after which a command follows.
    private static let openers: Set<Substring> = [
        "exec", "then", "do", "else", "if", "elif", "while", "until", "!", "{", "(", "time", "command", "sudo", "env",
    ]

    /// Names and paths of commands, each once, in their order.
    public static func names(_ script: [UInt8]) -> [String] {
        var names: [String] = []
        for line in String(decoding: script, as: UTF8.self).split(separator: "\n") where !line.drop(while: \.isWhitespace).hasPrefix("#") {
            for part in parts(line) {
                guard let name = command(of: part), !names.contains(name) else { continue }
                names.append(name)
                if names.count == mostCommands { return names }
            }
        }
        return names
    }

    /// A line cut where one command ends and another begins.
    private static func parts(_ line: Substring) -> [Substring] {
        line.split { ";&|`".contains($0) }.flatMap { part in
            part.split(separator: "$(").flatMap { $0.split(separator: ")", maxSplits: 1).prefix(1) }
        }
    }

    private static func command(of part: Substring) -> String? {
        var words = part.split(whereSeparator: \.isWhitespace)[...]
        // `NAME=value command`, `exec command`
        while let first = words.first, openers.contains(first) || isAssignment(first) { words = words.dropFirst() }
        guard let word = words.first, word.allSatisfy({ $0.isLetter || $0.isNumber || "/._-+".contains($0) }) else { return nil }
        return String(word)
    }

    private static func isAssignment(_ word: Substring) -> Bool {
        guard let equals = word.firstIndex(of: "="), equals != word.startIndex else { return false }
        return word[..<equals].allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    }
}
