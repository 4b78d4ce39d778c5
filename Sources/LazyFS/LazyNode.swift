public import ChunkStore
public import Digests
public import FetchEngine
public import Logging
public import OCI
public import Registry
internal import Synchronization
internal import TreeImage

/// Everything lazy of one process: the store, the engine, the mount. What the daemon and a daemonless run have in common.
///
///     open ─▶ LayerOpener (TOC, verified, compiled, stored) ─▶ LazyMount.add ─▶ ChainMounts (merged, mounted) ─▶ lower directories of overlayfs
public final class LazyNode: Sendable {
    /// The local store.
    public let store: LayerStore
    private let fetcher: ChunkFetcher
    private let opener: LayerOpener
    private let mount: LazyMount
    private let chains: ChainMounts
    private let prefetches: Bool
    private let ended = Mutex(false)

    /// A layer that is mounted.
    public struct Opened: Sendable {
        /// The layer, for its counts.
        public let layer: LazyLayer
        /// Its directory.
        public let mounted: LazyMount.Mounted
    }

    /// Opens the store below `root` and mounts below `directory`: FUSE at `lazy`, the kernel's trees in `trees`.
    ///
    /// - Parameters:
    ///   - mode: how containers are to see the layers.
    ///   - prefetches: whether what landmarks ask for is fetched before anybody reads it.
    ///   - fetching: how the engine fetches; whether layers are completed in the background, among others.
    ///   - opening: what is fetched along with TOCs.
    /// - Throws: `LazyFSError`, `StoreError`, `HostError` or `ThreadError`.
    public init(
        root: String, directory: String, mode: ServingMode = .auto, client: RegistryClient, prefetches: Bool = true,
        fetching: FetchOptions = FetchOptions(), opening: LayerOpener.Options = LayerOpener.Options(), log: Logger
    ) throws {
        store = try LayerStore(root: root)
        opener = LayerOpener(store: store, client: client, options: opening)
        self.prefetches = prefetches
        fetcher = try ChunkFetcher(store: store, log: log, options: fetching)
        do {
            mount = try LazyMount(mountpoint: directory + "/lazy", fetcher: fetcher, log: log)
        } catch {
            fetcher.shutdown()
            throw error
        }
        do {
            chains = try ChainMounts(
                store: store, mount: mount, fetcher: fetcher, directory: directory + "/trees", mode: mode, log: log)
        } catch {
            fetcher.shutdown()
            mount.unmount()
            throw error
        }
    }

    /// What the mode has come to here.
    public var serving: Serving { chains.serving }

    /// Opens one layer and starts to prefetch what its landmark asks for; the caller does not wait for that, nor for the layer's completion
    /// afterwards (`LazyLayer.onComplete` tells it).
    ///
    /// - Parameter siblings: digests of layers that will be opened next; what that takes is fetched meanwhile.
    /// - Throws: `LayerRefusal`, why the layer cannot be lazy.
    public func open(_ descriptor: Descriptor, of reference: Reference, siblings: [Digest] = []) async throws(LayerRefusal) -> Opened {
        opener.expect(siblings.filter { $0 != descriptor.digest }, of: reference)
        let layer = try await opener.open(descriptor, of: reference)
        do {
            let mounted = try mount.add(layer)
            fetcher.prefetch(layer, upTo: prefetches ? layer.stored.chunks.prefetchEnd : 0)
            fetcher.complete(layer)
            return Opened(layer: layer, mounted: mounted)
        } catch {
            throw .store("\(error)")
        }
    }

    /// Lower directories of overlayfs that show a chain of layers, topmost first; valid until one of the layers is closed. Blocks for some milliseconds.
    ///
    /// - Parameters:
    ///   - layers: lowest first, at least one, each open.
    ///   - keepsWhiteouts: whether other directories come below these.
    /// - Throws: `TreeImageError`, `LazyFSError`, `StoreError` or `HostError`.
    public func lowerDirectories(of layers: [Opened], keepsWhiteouts: Bool = false) throws -> [String] {
        try chains.directories(of: layers, keepsWhiteouts: keepsWhiteouts)
    }

    /// A program is about to be started from a chain that `lowerDirectories` was asked for: it, its loader and its libraries are asked for at
    /// once. Returns without waiting for them.
    ///
    /// - Parameter layers: of the chain, lowest first.
    public func expect(_ start: ProgramStart, of layers: [Opened]) { chains.expect(start, of: layers) }

    /// Takes a layer off the mount, and the chains that it is part of; what is stored of it stays. Reads that wait for the registry fail; blocks until
    /// they have.
    public func close(_ opened: Opened) {
        fetcher.release(opened.layer)
        chains.close(opened.layer.digest)
        mount.remove(opened.mounted)
    }

    /// Unmounts and ends all threads; harmless when repeated. Blocks.
    public func shutdown() {
        let first = ended.withLock { ended in
            defer { ended = true }
            return !ended
        }
        guard first else { return }
        fetcher.shutdown()
        chains.closeAll()
        mount.unmount()
    }
}
