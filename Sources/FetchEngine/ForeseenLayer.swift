internal import ChunkStore

/// What there is of a layer before anybody opens it. Nothing of it is verified: that takes what the manifest promises.
enum ForeseenLayer: Sendable {
    /// The blob's last bytes.
    case end(KnownEnd)
    /// All that opening takes.
    case staged(Staged)

    /// A layer made of a TOC as it came, whose digest is in its facts.
    struct Staged: Sendable {
        let layer: StagedLayer
        /// How long it took to make tree and chunk map of the TOC.
        let compileNanoseconds: UInt64
    }
}
