public import OCI

/// What the caller of a pull may choose.
public struct PullWishes: Sendable {
    /// Whether layers are to be lazy.
    public enum Lazy: String, Sendable, CaseIterable {
        /// Where the snapshotter can; others are downloaded and unpacked.
        case prefer
        /// All; one that cannot be fails the pull.
        case require
        /// None that is not there yet.
        case never
    }

    /// Which images of an index are pulled.
    public var platforms: PlatformChoice
    /// Whether layers are to be lazy.
    public var lazy: Lazy
    /// Labels of the image's record; others that it has stay.
    public var labels: [String: String]

    /// Wishes with their defaults: for this machine, lazy where it can be, no labels.
    public init(platforms: PlatformChoice = .current, lazy: Lazy = .prefer, labels: [String: String] = [:]) {
        self.platforms = platforms
        self.lazy = lazy
        self.labels = labels
    }
}
