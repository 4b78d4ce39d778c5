/// How containers see lazy layers.
public enum ServingMode: String, Sendable, CaseIterable {
    /// Native where the kernel can, else through FUSE.
    case auto
    /// The kernel mounts the tree itself (EROFS) and asks only for contents; refused where it cannot.
    case native
    /// FUSE serves tree and contents.
    case fuse
}

/// What a mode has come to on this machine.
public enum Serving: Sendable, Equatable, CustomStringConvertible {
    case native
    /// Through FUSE, and why not natively.
    case fuse(reason: String)

    /// A word, and the reason.
    public var description: String {
        switch self {
        case .native: "native"
        case .fuse(let reason): "fuse (\(reason))"
        }
    }
}
