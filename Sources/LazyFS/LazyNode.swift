public import ChunkStore
public import Digests
public import FetchEngine
internal import HostSystem
public import Logging
public import OCI
public import Registry
internal import Synchronization
internal import Threads
internal import TreeImage

/// Everything lazy of one process: the store, the engine, the mount. What the daemon and a daemonless run have in common.
///
///     open ─▶ LayerOpener (TOC, verified, compiled, stored) ─▶ LazyMount.add ─▶ ChainMounts (merged, mounted) ─▶ lower directories of overlayfs
public final class LazyNode: Sendable {
    /// The local store.
    public let store: LayerStore
    private let fetcher: ChunkFetcher
    private let opener: LayerOpener
    private let mount: NodeMount
    private let chains: ChainMounts
    private let prefetch: PrefetchPolicy
    private let predictions = WorkQueue<@Sendable () -> Void>()
    private let predictor: NativeThread
    private let sharing: NodeSharing?
    private let ended = Mutex(false)

    /// A layer that is open.
    public struct Opened: Sendable {
        /// The layer, for its counts.
        public let layer: LazyLayer
        /// Where FUSE shows it; nil where that is when it is needed.
        public fileprivate(set) var directory: String?
        /// What its slot of the mount shows.
        let contents: SlotContents
    }

    /// Opens the store below `root` and mounts below `directory`: FUSE at `lazy`, the kernel's trees in `trees`.
    ///
    /// - Parameters:
    ///   - place: where FUSE is mounted instead.
    ///   - mode: how containers are to see the layers.
    ///   - prefetch: what is fetched before anybody reads it.
    ///   - fetching: how the engine fetches; whether layers are completed in the background, among others.
    ///   - opening: what is fetched along with TOCs.
    ///   - keeping: what lets the mounts outlive this process; with it, those of an earlier process are gone on with.
    ///   - front: what stands in the FUSE mount's root beside the layers.
    ///   - traces: whether every request of the kernel is printed to standard error.
    ///   - recorder: is told of every read; complete layers are then served by this process, too, and not by the kernel alone.
    ///   - sharing: by which `sharedDirectories` finds the mounts of other processes, and offers ours; FUSE is then mounted only when it is needed.
    /// - Throws: `LazyFSError`, `StoreError`, `HostError` or `ThreadError`.
    public init(
        root: String, directory: String, place: MountPlace? = nil, mode: ServingMode = .auto, client: RegistryClient,
        prefetch: PrefetchPolicy = PrefetchPolicy(), fetching: FetchOptions = FetchOptions(),
        opening: LayerOpener.Options = LayerOpener.Options(), keeping: MountKeeping? = nil,
        front: (any MountFront)? = nil, traces: Bool = false, recorder: ReadRecorder? = nil, sharing: MountSharing? = nil, log: Logger
    ) throws {
        ProcessMemory.bound()
        let store = try LayerStore(root: root)
        self.store = store
        opener = LayerOpener(store: store, client: client, options: opening)
        self.prefetch = prefetch
        fetcher = try ChunkFetcher(store: store, log: log, options: fetching)
        do {
            mount = try NodeMount(waits: sharing != nil) { [fetcher] in
                try LazyMount(
                    at: place ?? MountPlace(path: directory + "/lazy"), fetcher: fetcher, log: log, keeping: keeping, front: front,
                    traces: traces, recorder: recorder
                ) {
                    store.trees(of: $0, client: client)
                }
            }
        } catch {
            fetcher.shutdown()
            throw error
        }
        do {
            let chains = try ChainMounts(
                store: store, mount: mount, fetcher: fetcher, directory: directory + "/trees", mode: mode, servesAll: recorder != nil,
                predictions: predictions, log: log)
            self.chains = chains
            predictor = try NativeThread.start(name: "predict") { [predictions] in while let work = predictions.next() { work() } }
            mount.observeMisses { [weak chains] in chains?.missed($0, at: $1, by: $2) }
            guard let sharing else {
                self.sharing = nil
                return
            }
            self.sharing = NodeSharing(sharing, mount: mount, chains: chains, log: log) { [fetcher] left, layers in
                try LazyMount(goingOnWith: left, at: directory + "/lazy", fetcher: fetcher, log: log) {
                    store.trees(of: $0, known: layers.map(\.layer), client: client)
                }
            }
        } catch {
            // The mount of an earlier process is no worse for it.
            let isTakenOver = mount.existing?.isTakenOver == true
            if isTakenOver { mount.existing?.silence() }
            fetcher.shutdown()
            if isTakenOver { mount.existing?.leave() } else { mount.existing?.unmount() }
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
        try mount(await find(descriptor, of: reference, siblings: siblings), descriptor, of: reference)
    }

    /// The first part of `open`: everything that may wait for the network. What is found and not mounted stays in the store.
    public func find(
        _ descriptor: Descriptor, of reference: Reference, siblings: [Digest] = []
    ) async throws(LayerRefusal) -> LazyLayer {
        opener.expect(siblings.filter { $0 != descriptor.digest }, of: reference)
        return try await opener.open(descriptor, of: reference)
    }

    /// The second part: mounts a layer that was found, and starts to prefetch.
    public func mount(_ layer: LazyLayer, _ descriptor: Descriptor, of reference: Reference) throws(LayerRefusal) -> Opened {
        let contents = SlotContents(layer.stored, of: reference)
        var opened = Opened(layer: mount.inherited(layer) ?? layer, contents: contents)
        do {
            if mount.existing != nil { opened.directory = try mount.slot(of: opened).directory }
        } catch {
            throw .store("\(error)")
        }
        fetcher.prefetch(opened.layer, upTo: prefetch.end(of: layer.stored, descriptor))
        fetcher.complete(opened.layer)
        return opened
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

    /// The same of all of an image, where other processes of the root that show it have one mount with this one. Without `MountSharing`, and for an ordinary
    /// user, whose mounts belong to a namespace of each process, the node's own. Once.
    public func sharedDirectories(of layers: [Opened]) throws -> [String] {
        guard let sharing, !UserNamespace.isNested else { return try lowerDirectories(of: layers) }
        return try sharing.directories(of: layers)
    }

    /// Whether `sharedDirectories` has found another process's mounts, which that process serves.
    public var isServedByAnother: Bool { sharing?.isFollowing ?? false }

    /// Makes the FUSE mount's root that of a chain, for whoever can mount nothing over it. Once, and with `ServingMode.fuse`. Blocks for some milliseconds.
    ///
    /// - Parameter layers: lowest first, at least one, each open.
    /// - Throws: `TreeImageError`, `LazyFSError` or `StoreError`.
    public func showAlone(_ layers: [Opened]) throws { try chains.showAlone(layers) }

    /// A program is about to be started from a chain: it, its loader and its libraries are asked for at once. Blocks for some milliseconds, and
    /// does not wait for them.
    ///
    /// - Parameter layers: of the chain, lowest first, each open.
    /// - Throws: `StoreError` or `TreeImageError` for a chain that cannot be merged.
    public func expect(_ start: ProgramStart, of layers: [Opened]) throws { try chains.expect(start, of: layers) }

    /// The same as far as one layer alone tells, of a chain whose other layers are not open yet. Does not block.
    public func expect(_ start: ProgramStart, of layer: Opened) { chains.expect(start, of: layer) }

    /// Prefetches these chunks of a layer instead of what its landmark asks for.
    func replacePrefetch(of layer: LazyLayer, by chunks: [ExpectedChunks]) {
        fetcher.forgetPrefetch(layer)
        fetcher.expect(chunks, of: layer)
    }

    /// Takes a layer off the mount, and the chains that it is part of; what is stored of it stays. Reads that wait for the registry fail; blocks until
    /// they have.
    public func close(_ opened: Opened) { close(opened.layer) { [mount] in mount.remove(opened.layer, giveUp: $0) } }

    private func close(_ layer: LazyLayer, _ remove: (_ giveUp: () -> Void) -> Void) {
        let giveUp = { [fetcher] in fetcher.release(layer) }
        giveUp()
        chains.close(layer.digest, giveUp: giveUp)
        remove(giveUp)
    }

    /// Whether the mount was there, left by an earlier process.
    public var isTakenOver: Bool { mount.existing?.isTakenOver == true }

    /// Takes the layers off the mount that an earlier process had opened and nobody has opened since. Blocks as `close`.
    public func closeUnclaimed() {
        guard let mount = mount.existing else { return }
        while let inherited = mount.claim(where: { _ in true }) {
            // One layer: the chains were all claimed when the mounts were taken over.
            for layer in inherited.tree.layers { close(layer) { mount.remove(inherited.mounted, giveUp: $0) } }
        }
    }

    /// What the node does at a moment, and has done.
    public struct Activity: Sendable {
        /// What the engine has to do.
        public let fetching: FetchLoad
        /// Requests of the kernel that were answered, by kind.
        public let requests: [FuseRequestKind: UInt64]
        /// Requests that the kernel has for the mount and that are not answered yet; nil where it does not show them.
        public let unansweredRequests: Int?
    }

    /// What goes on now. Looks at files: not for a cooperative thread.
    public var activity: Activity {
        let mount = mount.existing
        return Activity(fetching: fetcher.load, requests: mount?.requestCounts ?? [:], unansweredRequests: mount?.unansweredRequests)
    }

    /// Whether somebody answers the kernel; not any more once the mount was ended from outside.
    public var isServing: Bool { mount.existing?.isServing == true }

    /// Unmounts and ends all threads; harmless when repeated. Blocks. Processes that have copies of the mounts go on with them.
    public func shutdown() {
        guard isFirstEnd() else { return }
        guard let sharing else { return end() }
        sharing.end { hasFollowers in
            guard hasFollowers, let mount = mount.existing else { return end() }
            leave(mount)
            mount.detach()
        }
    }

    private func end() {
        fetcher.shutdown()
        endPredictions()
        chains.closeAll()
        mount.existing?.unmount()
    }

    /// Ends all threads and leaves the mounts to the next process, where that can be; else as `shutdown`. Reads wait for that process.
    public func leave() {
        guard let mount = mount.existing, mount.isKept else { return shutdown() }
        guard isFirstEnd() else { return }
        leave(mount)
    }

    private func leave(_ mount: LazyMount) {
        mount.silence()
        fetcher.shutdown()
        endPredictions()
        mount.leave()
    }

    private func endPredictions() {
        predictions.close()
        predictor.join()
    }

    private func isFirstEnd() -> Bool {
        ended.withLock { ended in
            defer { ended = true }
            return !ended
        }
    }
}
