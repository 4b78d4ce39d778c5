/// Why a configuration file cannot be used.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// A file or directory cannot be read.
    case unreadable(path: String, reason: String)
    /// Not TOML.
    case malformed(path: String, line: Int, reason: String)
    /// A key that nobody reads; `line` is nil when it cannot be told.
    case unknownKey(path: String, line: Int?, key: String)
    /// A key's value cannot be used.
    case badValue(path: String, line: Int?, key: String, reason: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .malformed(let path, let line, let reason): "\(path):\(line): \(reason)"
        case .unknownKey(let path, let line, let key): "\(Self.place(path, line)): unknown key \(key)"
        case .badValue(let path, let line, let key, let reason): "\(Self.place(path, line)): \(key) \(reason)"
        }
    }

    private static func place(_ path: String, _ line: Int?) -> String {
        path + (line.map { ":\($0)" } ?? "")
    }
}
