/// Where a FUSE mount is, and what it is called there.
public struct MountPlace: Sendable {
    /// The directory; made when missing.
    public let path: String
    /// What the mount table names as mounted.
    public let source: String

    /// A place and a name.
    public init(path: String, source: String = "starling") {
        self.path = path
        self.source = source
    }
}
