internal import Glibc

/// What can go wrong in the local store.
public enum StoreError: Error, Equatable, CustomStringConvertible {
    /// A file operation failed.
    case system(operation: String, path: String, code: Int32)
    /// A file of the store is not what it should be; it can be removed, and the layer is then fetched again.
    case damaged(path: String, reason: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .system(let operation, let path, let code):
            "store: \(operation) \(path): \(String(cString: strerror(code)))"
        case .damaged(let path, let reason): "store: \(path) is damaged (\(reason)); remove its directory and it will be fetched again"
        }
    }

    /// Whether the disk, or what the user may have of it, is full.
    var isOutOfSpace: Bool {
        guard case .system(_, _, let code) = self else { return false }
        return code == ENOSPC || code == EDQUOT
    }

    static func last(_ operation: String, _ path: String) -> StoreError {
        .system(operation: operation, path: path, code: errno)
    }
}
