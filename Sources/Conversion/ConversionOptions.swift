public import EStargz
public import OCI

/// What the caller of a conversion may choose.
public struct ConversionOptions: Sendable {
    /// Which images of an index are converted.
    public enum Platforms: Sendable, Equatable {
        /// The one for this machine.
        case current
        /// These, each of which must be there.
        case listed([Platform])
        /// All; what is no image for a platform (attestations, unknown manifests) is kept as it is.
        case all
    }

    /// Which images of an index are converted.
    public var platforms: Platforms
    /// Threads that compress, in `MemberPool.jobs`.
    public var jobs: Int
    /// libdeflate's level, 1 to 12.
    public var level: Int
    /// Bytes of a file per chunk, in `EStargzWriter.Options.chunkSizes`.
    public var chunkSize: Int
    /// Whether layers that are eStargz already are copied as they are.
    public var reusesLayers: Bool
    /// Where converted layers wait for their upload; $TMPDIR, else /var/tmp when nil. Needs room for the layers under way at once.
    public var temporaryDirectory: String?

    /// Options with their defaults: this platform, one thread per processor, level 6, chunks of 4 MiB, reuse.
    public init(
        platforms: Platforms = .current, jobs: Int? = nil, level: Int = MemberPool.defaultLevel, chunkSize: Int = TOC.defaultChunkSize,
        reusesLayers: Bool = true, temporaryDirectory: String? = nil
    ) {
        self.platforms = platforms
        self.jobs = jobs ?? MemberPool.defaultJobs
        self.level = level
        self.chunkSize = chunkSize
        self.reusesLayers = reusesLayers
        self.temporaryDirectory = temporaryDirectory
    }
}
