internal import Glibc
internal import HostSystem

/// Why a TOC cannot be compiled, or a compiled file cannot be used.
public enum TreeImageError: Error, Equatable, CustomStringConvertible {
    /// An entry says something that cannot be, or that must not be; with its path.
    case entry(path: String, String)
    /// The tree cannot be expressed.
    case tree(String)
    /// A compiled file is damaged or missing; it can be made again.
    case damaged(path: String, String)
    /// A compiled file cannot be opened for reasons that are not its own, such as too many open files.
    case unreadable(String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .entry(let path, let reason): "TOC entry \"\(path.prefix(200))\": \(reason)"
        case .tree(let reason), .unreadable(let reason): reason
        case .damaged(let path, let reason): "\(path): \(reason)"
        }
    }
}

extension MappedFile {
    /// Maps a compiled file.
    static func compiled(_ path: String) throws(TreeImageError) -> MappedFile {
        do {
            return try MappedFile(path)
        } catch {
            throw error.code == ENOENT ? .damaged(path: path, "it is missing") : .unreadable(error.description)
        }
    }
}
