public import EStargz
public import OCI

/// What the caller of a conversion may choose.
public struct ConversionOptions: Sendable {
    /// Which images of an index are converted. With `.all`, what is no image is kept as it is.
    public var platforms: PlatformChoice
    /// Threads that compress, in `MemberPool.jobs`.
    public var jobs: Int
    /// Level of the library that compresses; the format's default when nil.
    public var level: Int?
    /// Format of the layers, and sizes of their chunks.
    public var writer: EStargzWriter.Options
    /// Which files come first; nil for the source's order. Of no effect where the source's bytes are kept.
    public var priorities: Priorities?
    /// Whether layers that are in the format already are copied as they are. With priorities none is, for its order would be another, unless
    /// `keepsOrder`.
    public var reusesLayers: Bool
    /// Whether layers that are in the format already keep the order that they have.
    public var keepsOrder = false
    /// Where temporary files are made. When nil: in a destination on this machine itself, else in $TMPDIR, else in /var/tmp.
    /// Needs room for the layers under way at once, as large as they are in the source.
    public var temporaryDirectory: String?

    /// Options with their defaults: this platform, one thread per processor, eStargz with chunks of 4 MiB, reuse.
    public init(
        platforms: PlatformChoice = .current, jobs: Int? = nil, level: Int? = nil, writer: EStargzWriter.Options = EStargzWriter.Options(),
        priorities: Priorities? = nil, reusesLayers: Bool = true, temporaryDirectory: String? = nil
    ) {
        self.platforms = platforms
        self.jobs = jobs ?? MemberPool.defaultJobs
        self.level = level
        self.writer = writer
        self.priorities = priorities
        self.reusesLayers = reusesLayers
        self.temporaryDirectory = temporaryDirectory
    }

    /// Whether a layer may be copied as it is.
    func isReusable(_ layer: PlannedLayer) -> Bool {
        reusesLayers && (priorities == nil || keepsOrder) && layer.isWritten(as: writer.format)
    }
}
