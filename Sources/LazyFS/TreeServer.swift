internal import FetchEngine
internal import Glibc
internal import Synchronization

/// What the FUSE callbacks share: the layers by slot, the engine that fills them, and the way of the answers.
final class TreeServer: Sendable {
    let slots = SlotTable()
    let gate = ReplyGate()
    let requests = RequestCounts()
    let fetcher: ChunkFetcher
    /// The flag to add to the answer to the kernel's greeting, while that is given; else 0.
    let greetingFlag = Atomic<UInt32>(0)
    /// What the mount's root shows: itself, or the root of a slot's tree.
    let shownRoot = Atomic<UInt64>(NodeID.root.raw)
    /// What stands beside the slots.
    let front: (any MountFront)?
    /// Requests that the front has not answered yet.
    let frontRequests = Atomic<Int>(0)
    private let recorder: ReadRecorder?
    private let observer = Mutex<MissObserver?>(nil)

    init(fetcher: ChunkFetcher, front: (any MountFront)? = nil, recorder: ReadRecorder? = nil) {
        self.fetcher = fetcher
        self.front = front
        self.recorder = recorder
    }

    /// Waits until no operation is under way, in no slot and nowhere else.
    func waitUntilUnused() {
        while frontRequests.load(ordering: .sequentiallyConsistent) > 0 { usleep(500) }
        slots.waitUntilUnused()
    }

    /// What a slot shows.
    func served(_ tree: SlotTree) -> ServedTree {
        ServedTree(tree.tree, layers: tree.layers, fetcher: fetcher, recorder: recorder)
    }

    /// Told of every read that has to wait: of which layer, from which place of its content file on, and of which process.
    typealias MissObserver = @Sendable (_ layer: LazyLayer, _ contentOffset: UInt64, _ process: Int32) -> Void

    func observeMisses(_ observer: @escaping MissObserver) { self.observer.withLock { $0 = observer } }

    func missed(_ layer: LazyLayer, at contentOffset: UInt64, by process: Int32) {
        observer.withLock { $0 }?(layer, contentOffset, process)
    }
}
