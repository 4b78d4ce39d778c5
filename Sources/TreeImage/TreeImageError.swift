/// Why a TOC cannot be compiled, or a compiled file cannot be used.
public enum TreeImageError: Error, Equatable, CustomStringConvertible {
    /// An entry says something that cannot be, or that must not be; with its path.
    case entry(path: String, String)
    /// The tree cannot be expressed.
    case tree(String)
    /// A compiled file is damaged or cannot be read.
    case damaged(path: String, String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .entry(let path, let reason): "TOC entry \"\(path.prefix(200))\": \(reason)"
        case .tree(let reason): reason
        case .damaged(let path, let reason): "\(path): \(reason)"
        }
    }
}
