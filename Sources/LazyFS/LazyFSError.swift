internal import Glibc

/// Why lazy layers cannot be served.
public enum LazyFSError: Error, Equatable, CustomStringConvertible {
    /// libfuse refused the session's options.
    case session(mountpoint: String)
    /// The kernel refused the mount.
    case mount(mountpoint: String, code: Int32)
    /// The mount of an earlier process cannot be served on.
    case takeOver(mountpoint: String, reason: String)
    /// The list of slots cannot be read or written.
    case ledger(path: String, reason: String)
    /// The keeper of the mount's descriptor does not do as it is told.
    case keeper(reason: String)
    /// All slots are in use.
    case tooManyLayers(limit: Int)
    /// A tree that the kernel mounts cannot be the FUSE mount's root.
    case notAlone
    /// fusermount3 did not mount.
    case helper(mountpoint: String, reason: String)
    /// Native mode was asked for and is not possible.
    case notNative(reason: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .session(let mountpoint):
            "cannot set up FUSE for \(mountpoint): libfuse refused the options (is libfuse3 3.14 or later installed?)"
        case .mount(let mountpoint, let code):
            "cannot mount FUSE at \(mountpoint): \(String(cString: strerror(code))); lazy layers need /dev/fuse and the right to mount"
        case .takeOver(let mountpoint, let reason): "cannot go on serving \(mountpoint): \(reason)"
        case .ledger(let path, let reason): "\(path): \(reason)"
        case .keeper(let reason): "the keeper of the FUSE mount: \(reason)"
        case .notAlone: "a tree that the kernel mounts cannot be the FUSE mount's root; mode \"fuse\" has none"
        case .helper(let mountpoint, let reason): "cannot mount FUSE at \(mountpoint): fusermount3: \(reason)"
        case .notNative(let reason): "native mode is not possible here: \(reason); mode = \"auto\" takes FUSE instead"
        case .tooManyLayers(let limit): "\(limit) layers are mounted already, no more are possible"
        }
    }
}
