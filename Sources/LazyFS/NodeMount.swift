internal import ChunkStore
internal import Digests
internal import FetchEngine
internal import Synchronization

/// The FUSE mount of a node, and the layers on it: made at once, or when something has to be shown through it.
final class NodeMount: Sendable {
    private let make: @Sendable () throws -> LazyMount
    private let state: Mutex<State>

    private struct State {
        var mount: LazyMount?
        var slots: [Digest: LazyMount.Mounted] = [:]
        var observer: TreeServer.MissObserver?
    }

    /// - Parameter waits: whether it is made only when it is needed.
    init(waits: Bool, _ make: @escaping @Sendable () throws -> LazyMount) throws {
        self.make = make
        state = Mutex(State(mount: waits ? nil : try make()))
    }

    /// The mount, if it was made.
    var existing: LazyMount? { state.withLock(\.mount) }

    /// The mount. Blocks for some milliseconds when it is made now.
    func made() throws -> LazyMount { try state.withLock { try Self.made(&$0, make) } }

    private static func made(_ state: inout State, _ make: () throws -> LazyMount) throws -> LazyMount {
        if let mount = state.mount { return mount }
        let mount = try make()
        begin(&state, with: mount)
        return mount
    }

    private static func begin(_ state: inout State, with mount: LazyMount) {
        if let observer = state.observer { mount.observeMisses(observer) }
        state.mount = mount
    }

    /// Lets somebody know of every read that has to wait; see `LazyMount`.
    func observeMisses(_ observer: @escaping TreeServer.MissObserver) {
        state.withLock { state in
            state.observer = observer
            state.mount?.observeMisses(observer)
        }
    }

    /// Where a layer is on the mount, which is made, and the layer added, when that was not done before.
    func slot(of opened: LazyNode.Opened) throws -> LazyMount.Mounted {
        try state.withLock { state in
            let mount = try Self.made(&state, make)
            if let known = state.slots[opened.layer.digest] { return known }
            let added = try mount.add(opened.layer, as: opened.contents)
            state.slots[opened.layer.digest] = added
            return added
        }
    }

    /// The layer as an earlier process had put it on the mount; nil when it had not, or somebody has it already.
    func inherited(_ layer: LazyLayer) -> LazyLayer? {
        state.withLock { state in
            let key = SlotWords.layer(layer.digest, tree: layer.stored.treeDigest).key
            guard let inherited = state.mount?.claim(where: { $0.key == key }), let known = inherited.tree.layers.first else { return nil }
            state.slots[layer.digest] = inherited.mounted
            return known
        }
    }

    /// Takes a layer off the mount, if it is there.
    func remove(_ layer: LazyLayer, giveUp: () -> Void) {
        let (mount, slot) = state.withLock { ($0.mount, $0.slots.removeValue(forKey: layer.digest)) }
        if let slot { mount?.remove(slot, giveUp: giveUp) }
    }

    /// Goes on with a mount that another process has made.
    func adopt(_ mount: LazyMount) { state.withLock { NodeMount.begin(&$0, with: mount) } }
}
