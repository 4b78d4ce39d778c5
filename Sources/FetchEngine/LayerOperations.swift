public import Metrics

/// How long things took that were done for one layer, as stargz-snapshotter measures them (contracts.md 5). Gone with the layer.
///
/// Reads and listings are counted where FUSE answers them, hits too: reading the clock twice and three additions.
public final class LayerOperations: Sendable {
    /// From the client's asking to the layer being there.
    public let mount = LatencyCounts(.milliseconds)
    /// Ranges asked of the registry for chunks, from the asking to the last byte or the failure.
    public let registryGet = LatencyCounts(.milliseconds)
    /// The end of the blob, which has the footer; not for a layer that was in the store or whose end had been fetched ahead.
    public let footerGet = LatencyCounts(.milliseconds)
    /// The TOC, the footer included where it comes with it; as above.
    public let tocGet = LatencyCounts(.milliseconds)
    /// The TOC made a tree and a chunk map.
    public let tocDeserialize = LatencyCounts(.milliseconds)
    /// Listings of directories; of a merged tree they count for its topmost layer.
    public let readdir = LatencyCounts(.microseconds)
    /// Reads that reached us, of files or of the content file, whether or not they had to wait.
    public let read = LatencyCounts(.microseconds)
    /// Bytes that these reads were answered with.
    public var servedBytes: UInt64 { served.value }

    private let served = AtomicCounter()

    init() {}

    /// A read was answered.
    public func countRead(since start: UInt64, bytes: Int) {
        read.count(since: start)
        served.add(UInt64(bytes))
    }
}
