public import ChunkStore
public import FetchEngine
public import Logging
public import OCI
public import Registry
internal import Synchronization
internal import TreeImage

/// Everything lazy of one process: the store, the engine, the mount. What the daemon and a daemonless run have in common.
///
///     open ─▶ LayerOpener (TOC, verified, compiled, stored) ─▶ LazyMount.add ─▶ a directory ─▶ overlayfs
public final class LazyNode: Sendable {
    /// The local store.
    public let store: LayerStore
    private let client: RegistryClient
    private let fetcher: ChunkFetcher
    private let mount: LazyMount
    private let prefetches: Bool
    private let ended = Mutex(false)

    /// A layer that is mounted.
    public struct Opened: Sendable {
        /// The layer, for its counts.
        public let layer: LazyLayer
        /// Its directory.
        public let mounted: LazyMount.Mounted
    }

    /// Opens the store below `root` and mounts at `mountpoint`.
    ///
    /// - Parameter prefetches: whether what landmarks ask for is fetched before anybody reads it.
    public init(root: String, mountpoint: String, client: RegistryClient, prefetches: Bool = true, log: Logger) throws {
        store = try LayerStore(root: root)
        self.client = client
        self.prefetches = prefetches
        fetcher = try ChunkFetcher(store: store, log: log)
        do {
            mount = try LazyMount(mountpoint: mountpoint, fetcher: fetcher, log: log)
        } catch {
            fetcher.shutdown()
            throw error
        }
    }

    /// Opens one layer and starts to prefetch what its landmark asks for; the caller does not wait for that.
    ///
    /// - Throws: `LayerRefusal`, why the layer cannot be lazy.
    public func open(_ descriptor: Descriptor, of reference: Reference) async throws(LayerRefusal) -> Opened {
        let layer = try await LayerOpener(store: store, client: client).open(descriptor, of: reference)
        do {
            let mounted = try mount.add(layer)
            if prefetches { fetcher.prefetch(layer, upTo: layer.stored.chunks.prefetchEnd) }
            return Opened(layer: layer, mounted: mounted)
        } catch {
            throw .store("\(error)")
        }
    }

    /// Takes a layer off the mount; what is stored of it stays. Blocks while reads are under way.
    public func close(_ opened: Opened) { mount.remove(opened.mounted) }

    /// Unmounts and ends all threads; harmless when repeated. Blocks.
    public func shutdown() {
        let first = ended.withLock { ended in
            defer { ended = true }
            return !ended
        }
        guard first else { return }
        fetcher.shutdown()
        mount.unmount()
    }
}
