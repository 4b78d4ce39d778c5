internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import Glibc
internal import HostSystem
internal import Logging
internal import StartTrace
internal import Synchronization
internal import Threads
internal import TreeImage

/// Chains of lazy layers as directories: one merged tree for as many layers as there are.
///
///     native   ROOT/trees/<hex>-lazy   EROFS: tree.erofs, a FUSE file per layer as device (complete layers: their content file)
///              ROOT/trees/<hex>-whole  the same once every layer is complete: nothing of ours runs when it is read
///     fuse     the mount's slot of the merged tree
///
/// A chain is mounted when somebody first asks for it and unmounted with the first of its layers that is closed. One lock: what takes long in here
/// is merging, some 10 ms, and mounting, some 3 ms.
final class ChainMounts: Sendable {
    /// Where the kernel's mounts are.
    let directory: String
    private let store: LayerStore
    private let mount: NodeMount
    private let fetcher: ChunkFetcher
    private let mode: ServingMode
    private let servesAll: Bool
    private let log: Logger
    private let predictions: WorkQueue<@Sendable () -> Void>
    private let state: Mutex<State>

    private struct State {
        var serving: Serving
        var chains: [Digest: Entry] = [:]
        /// Of chains that nobody has asked for yet; the newest last.
        var announced: [(chain: StoredChain, prediction: StartPrediction)] = []
        /// Of layers whose chains are not open yet; the newest last.
        var single: [(layer: Digest, prediction: StartPrediction)] = []
        /// Mount points of an earlier process that are as good as new.
        var inherited: Set<String> = []
    }

    private struct Entry {
        var chain: StoredChain
        /// Nil when it is not on our FUSE mount.
        var mounted: LazyMount.Mounted?
        var prediction: StartPrediction
        /// Mount points of the kernel's mounts.
        var kernelMounts: Set<String> = []
    }

    /// - Parameter directory: where the kernel's mounts go; made when missing. What an earlier process mounted there is kept; only trees that
    ///   need the FUSE mount are unmounted when that is another one now, or has lost a layer.
    /// - Parameter servesAll: whether complete layers are served by this process, too.
    /// - Parameter predictions: of the thread that predicts what programs read.
    init(
        store: LayerStore, mount: NodeMount, fetcher: ChunkFetcher, directory: String, mode: ServingMode, servesAll: Bool = false,
        predictions: WorkQueue<@Sendable () -> Void>, log: Logger
    ) throws {
        (self.store, self.mount, self.fetcher, self.directory, self.mode, self.log) = (store, mount, fetcher, directory, mode, log)
        self.predictions = predictions
        self.servesAll = servesAll
        var inherited: Set<String> = []
        for point in Files.exists(directory) ? try Mounts.mountPoints(below: directory) : [] where point.path != directory {
            if point.path.hasSuffix(ChainMounts.whole) || mount.existing?.hasInheritedAll == true {
                inherited.insert(point.path)
            } else {
                try Mounts.unmount(point.path)
            }
        }
        var serving = Serving.fuse(reason: "so configured")
        if mode != .fuse {
            try Files.makeDirectories(directory, mode: 0o700)
            switch EROFSMount.probe(in: directory, remembering: store.root + "/native") {
            case .works: serving = .native
            case .refused(let reason):
                guard mode == .auto else { throw LazyFSError.notNative(reason: reason) }
                serving = .fuse(reason: reason)
            }
        }
        var chains: [Digest: Entry] = [:]
        while let inheritedMount = mount.existing, let slot = inheritedMount.claim(where: ChainMounts.isChain) {
            guard let entry = ChainMounts.entry(slot, store, fetcher, predictions, directory, &inherited) else {
                inheritedMount.remove(slot.mounted)
                continue
            }
            chains[entry.chain.digest] = entry
        }
        state = Mutex(State(serving: serving, chains: chains, inherited: inherited))
    }

    private static func isChain(_ contents: SlotContents) -> Bool {
        if case .chain = SlotWords(contents.key) { true } else { false }
    }

    /// A chain that an earlier process has mounted.
    private static func entry(
        _ slot: LazyMount.Inherited, _ store: LayerStore, _ fetcher: ChunkFetcher, _ predictions: WorkQueue<@Sendable () -> Void>,
        _ directory: String, _ inherited: inout Set<String>
    ) -> Entry? {
        guard case .chain(_, let keepsWhiteouts, _) = SlotWords(slot.contents.key),
            let chain = try? store.chain(of: slot.tree.layers.map(\.stored), keepsWhiteouts: keepsWhiteouts)
        else { return nil }
        let points = [whole, lazy].map { "\(directory)/\(chain.digest.hex)\($0)" }
        return Entry(
            chain: chain, mounted: slot.mounted,
            prediction: StartPrediction(chain.tree, layers: slot.tree.layers, fetcher: fetcher, work: predictions),
            kernelMounts: Set(points.compactMap { inherited.remove($0) }))
    }

    private static let whole = "-whole"
    private static let lazy = "-lazy"

    var serving: Serving { state.withLock(\.serving) }

    /// Lower directories of overlayfs that show the chain, topmost first; below a kernel's mount of its tree the directory of its state, where there is a
    /// FUSE mount or has to be one.
    ///
    /// - Parameters:
    ///   - layers: lowest first, at least one, all on the mount.
    ///   - keepsWhiteouts: whether something else comes below.
    func directories(of layers: [LazyNode.Opened], keepsWhiteouts: Bool) throws -> [String] {
        try state.withLock { state in
            let trace = layers.first?.layer.trace
            let merging = trace?.begin(.layers, "merge trees")
            var entry = try entry(of: layers, keepsWhiteouts, &state)
            merging?.end()
            guard state.serving == .native else { return [try slot(of: &entry, layers, keepsWhiteouts, &state).directory] }
            do {
                let mounting = trace?.begin(.layers, "mount tree")
                let point = try kernelMount(layers, &entry, &state.inherited)
                mounting?.end()
                state.chains[entry.chain.digest] = entry
                // Nothing needs the FUSE mount then but its file of state, and that would only tell that all is here: mounting takes some milliseconds.
                if point.hasSuffix(ChainMounts.whole), mount.existing == nil { return [point] }
                return [point, try slot(of: &entry, layers, keepsWhiteouts, &state).stateDirectory]
            } catch {
                guard mode == .auto else { throw LazyFSError.notNative(reason: "\(error)") }
                // It worked in the small when the node started, so this is worth a line.
                log.warning("the kernel refuses a tree; serving all from now on through FUSE", metadata: ["reason": "\(error)"])
                state.serving = .fuse(reason: "\(error)")
                return [try slot(of: &entry, layers, keepsWhiteouts, &state).directory]
            }
        }
    }

    private func entry(of layers: [LazyNode.Opened], _ keepsWhiteouts: Bool, _ state: inout State) throws -> Entry {
        let stored = layers.map(\.layer.stored)
        // A merged tree that the store opens is read and hashed whole.
        if let existing = state.chains[StoredChain.identity(of: stored, keepsWhiteouts: keepsWhiteouts)] { return existing }
        let chain = try store.chain(of: stored, keepsWhiteouts: keepsWhiteouts)
        let entry = Entry(chain: chain, prediction: prediction(of: chain, layers.map(\.layer), state.announced))
        state.announced.removeAll { $0.chain.digest == chain.digest }
        state.chains[chain.digest] = entry
        return entry
    }

    /// The chain on the FUSE mount.
    private func slot(
        of entry: inout Entry, _ layers: [LazyNode.Opened], _ keepsWhiteouts: Bool, _ state: inout State
    ) throws -> LazyMount.Mounted {
        if let known = entry.mounted { return known }
        let added = try mount.made().add(
            SlotTree(entry.chain.tree, layers: layers.map(\.layer)), as: SlotContents(entry.chain, keepsWhiteouts: keepsWhiteouts))
        entry.mounted = added
        state.chains[entry.chain.digest] = entry
        return added
    }

    /// What all processes call a chain that they show in the same way.
    func name(of layers: [LazyNode.Opened]) throws -> String {
        try state.withLock { state in
            let chain = try entry(of: layers, false, &state).chain
            return chain.digest.hex + (state.serving == .native ? "-native" : "-fuse")
        }
    }

    /// A chain is shown by directories at which another process's mounts are attached.
    func adopt(_ points: [String], of layers: [LazyNode.Opened]) throws {
        try state.withLock { state in
            var entry = try entry(of: layers, false, &state)
            entry.kernelMounts = Set(points)
            state.chains[entry.chain.digest] = entry
        }
    }

    /// Makes the mount's root that of a chain.
    func showAlone(_ layers: [LazyNode.Opened]) throws {
        let directories = try directories(of: layers, keepsWhiteouts: false)
        let shown = state.withLock { state in state.chains.values.first { $0.mounted.map { [$0.directory] } == directories } }
        guard let slot = shown?.mounted else { throw LazyFSError.notAlone }
        try mount.made().showAlone(slot)
    }

    /// Mounts a chain's tree, unless it is mounted in the best way that is possible now.
    private func kernelMount(
        _ layers: [LazyNode.Opened], _ entry: inout Entry, _ inherited: inout Set<String>
    ) throws -> String {
        // Looked at once: a layer may become complete meanwhile.
        let isComplete = layers.map { $0.layer.stored.isComplete && !servesAll }
        let isWhole = isComplete.allSatisfy { $0 }
        let devices = try zip(layers, isComplete).map { $1 ? $0.layer.stored.contentPath : try mount.slot(of: $0).contentFile }
        let point = "\(directory)/\(entry.chain.digest.hex)\(isWhole ? ChainMounts.whole : ChainMounts.lazy)"
        guard !entry.kernelMounts.contains(point) else { return point }
        if inherited.remove(point) == nil {
            try Files.makeDirectories(point, mode: 0o755)
            try EROFSMount(image: entry.chain.treePath, devices: devices).mount(at: point)
        }
        entry.kernelMounts.insert(point)
        return point
    }

    private func prediction(
        of chain: StoredChain, _ layers: [LazyLayer], _ announced: [(chain: StoredChain, prediction: StartPrediction)]
    ) -> StartPrediction {
        announced.first { $0.chain.digest == chain.digest }?.prediction
            ?? StartPrediction(chain.tree, layers: layers, fetcher: fetcher, work: predictions)
    }

    /// Chains, and layers, that are announced and not asked for, at most.
    private static let mostAnnounced = 8

    /// A program of a chain is about to be started: what it will read first is asked for. The chain need not be mounted yet. Blocks for some
    /// milliseconds.
    ///
    /// - Throws: `StoreError` or `TreeImageError` for a chain that cannot be merged.
    func expect(_ start: ProgramStart, of layers: [LazyNode.Opened]) throws {
        let digests = layers.map(\.layer.digest)
        let found = try state.withLock { state -> [StartPrediction] in
            let mounted = state.chains.values.filter { $0.chain.layers == digests }.map(\.prediction)
            guard mounted.isEmpty else { return mounted }
            let chain = try store.chain(of: layers.map(\.layer.stored), keepsWhiteouts: false)
            let prediction = prediction(of: chain, layers.map(\.layer), state.announced)
            state.announced.removeAll { $0.chain.digest == chain.digest }
            state.announced.append((chain, prediction))
            if state.announced.count > ChainMounts.mostAnnounced { state.announced.removeFirst() }
            return [prediction]
        }
        for prediction in found { prediction.expect(start) }
    }

    /// The same, of what is in one layer.
    func expect(_ start: ProgramStart, of opened: LazyNode.Opened) {
        let layer = opened.layer
        let prediction = state.withLock { state -> StartPrediction in
            if let known = state.single.first(where: { $0.layer == layer.digest })?.prediction { return known }
            let prediction = StartPrediction(layer.stored.tree, layers: [layer], fetcher: fetcher, work: predictions)
            state.single.append((layer.digest, prediction))
            if state.single.count > ChainMounts.mostAnnounced { state.single.removeFirst() }
            return prediction
        }
        prediction.expect(start)
    }

    /// A read of a layer waits: what is read there, and by which process, tells what will be read next.
    func missed(_ layer: LazyLayer, at contentOffset: UInt64, by process: Int32) {
        // Never while a chain is merged or mounted: reads do not wait for that.
        let found = state.withLockIfAvailable { state in
            state.chains.values.filter { $0.chain.layers.contains(layer.digest) }.map(\.prediction)
        }
        for prediction in found ?? [] { prediction.missed(layer, at: contentOffset, by: process) }
    }

    /// Unmounts every chain that has the layer.
    ///
    /// - Parameter giveUp: makes reads of the layer fail that wait for the registry.
    func close(_ layer: Digest, giveUp: () -> Void) {
        state.withLock { state in
            state.announced.removeAll { $0.chain.layers.contains(layer) }
            state.single.removeAll { $0.layer == layer }
            for (digest, entry) in state.chains where entry.chain.layers.contains(layer) {
                state.chains[digest] = nil
                end(entry, giveUp)
            }
        }
    }

    /// Unmounts everything.
    func closeAll() {
        state.withLock { state in
            for entry in state.chains.values { end(entry) }
            for point in state.inherited { end(point) }
            (state.chains, state.announced, state.single, state.inherited) = ([:], [], [], [])
        }
    }

    private func end(_ entry: Entry, _ giveUp: () -> Void = {}) {
        for point in entry.kernelMounts { end(point) }
        if let mounted = entry.mounted { mount.existing?.remove(mounted, giveUp: giveUp) }
    }

    private func end(_ point: String) {
        do {
            try Mounts.unmount(point)
            // Empty, or still in use and then not to be emptied.
            rmdir(point)
        } catch {
            log.warning("a tree stays mounted", metadata: ["path": "\(point)", "reason": "\(error)"])
        }
    }
}
