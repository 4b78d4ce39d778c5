internal import ChunkStore
public import FetchEngine
internal import Glibc
internal import HostSystem
public import Logging
internal import Synchronization
internal import TreeImage

/// The FUSE mount of one process: every lazy layer is a directory in it, named by its slot number.
///
///     kernel ─▶ FuseOperations (libfuse's callbacks) ─▶ SlotTable ─▶ ServedTree ─▶ LayerTree, ChunkMap, content file
///                                                                        └─ miss ─▶ ChunkFetcher ─▶ reply from wherever the bytes arrive
///
/// Trees are immutable, so names, attributes, links, directories and data are cached by the kernel without limit of time. The mount keeps no
/// state about open files or looked-up nodes: node ids are numbers, OPEN is answered with ENOSYS, FORGET is ignored. What the slots show is
/// all that another process needs to go on with the mount (see `MountKeeping`).
public final class LazyMount: Sendable {
    /// Where the mount is.
    public let mountpoint: String
    /// Whether an earlier process has made it.
    public let isTakenOver: Bool
    private let server: TreeServer
    private let session: FuseSession
    private let keeping: MountKeeping?
    private let slots: Mutex<Assigned>

    /// What the slots are for, beside the table that requests look into.
    private struct Assigned {
        var last = 0
        var ended = false
        /// What the slots show, of those that another process could serve.
        var shown: [Int: SlotContents] = [:]
        /// Slots of an earlier process that nobody has asked for yet.
        var unclaimed: [Int: Inherited] = [:]
        /// Slots of an earlier process whose tree is lost. The kernel may know nodes of theirs, so nothing else may get their numbers.
        var lost: Set<Int> = []
    }

    /// Mounts at a place (made when missing; a dead mount there is removed) and starts to serve an empty directory, or goes on with the
    /// mount of an earlier process.
    ///
    /// - Parameters:
    ///   - keeping: what lets the mount outlive this process; nil for one that does not.
    ///   - front: what stands in its root beside the layers.
    ///   - traces: whether every request is printed to standard error.
    ///   - recorder: is told of every read.
    ///   - restore: what the slots showed that an earlier process served, as far as it is there; called before the first request is answered.
    public init(
        at place: MountPlace, fetcher: ChunkFetcher, log: Logger, keeping: MountKeeping? = nil, front: (any MountFront)? = nil,
        traces: Bool = false, recorder: ReadRecorder? = nil, restore: ([Int: SlotContents]) -> [Int: SlotTree] = { _ in [:] }
    ) throws {
        mountpoint = place.path
        self.keeping = keeping
        server = TreeServer(fetcher: fetcher, front: front, recorder: recorder)
        if let keeping, let inherited = keeping.inherit(at: mountpoint),
            let (session, assigned) = LazyMount.goOn(inherited, server, mountpoint, keeping, traces, restore, log)
        {
            self.session = session
            isTakenOver = true
            slots = Mutex(assigned)
        } else {
            session = try LazyMount.begin(server, place, keeping, traces)
            isTakenOver = false
            slots = Mutex(Assigned())
        }
        try start()
    }

    /// Goes on with a mount that another process has made and this one has copies of; it is at no place of ours.
    ///
    /// - Parameters:
    ///   - path: where a mount of ours would be.
    ///   - restore: what the slots show.
    init(
        goingOnWith left: consuming MountKeeping.Inherited, at path: String, fetcher: ChunkFetcher, log: Logger,
        restore: ([Int: SlotContents]) -> [Int: SlotTree]
    ) throws {
        mountpoint = path
        keeping = nil
        server = TreeServer(fetcher: fetcher)
        guard let (session, assigned) = LazyMount.goOn(left, server, mountpoint, nil, false, restore, log) else {
            throw LazyFSError.takeOver(mountpoint: path, reason: "its session cannot be set up")
        }
        self.session = session
        isTakenOver = true
        slots = Mutex(assigned)
        try start()
    }

    private func start() throws {
        do {
            try session.start()
        } catch {
            session.end {}
            keeping?.end()
            throw error
        }
    }

    private static func begin(
        _ server: TreeServer, _ place: MountPlace, _ keeping: MountKeeping?, _ traces: Bool
    ) throws -> FuseSession {
        let mountpoint = place.path
        if Files.exists(Paths.parent(of: mountpoint)), try Mounts.mountPoint(at: mountpoint) != nil { try Mounts.unmount(mountpoint) }
        try Files.makeDirectories(mountpoint, mode: 0o700)
        let device = try FuseDevice(mountingAt: mountpoint, source: place.source, readOnly: server.front == nil)
        keeping?.hold(device, at: mountpoint, name: nil, slots: [:], last: 0)
        do {
            return try FuseSession(
                device, mountpoint: mountpoint, isTakenOver: false, operations: FuseOperations.table(hasFront: server.front != nil),
                server: server, traces: traces)
        } catch {
            keeping?.end()
            try Mounts.unmount(mountpoint)
            throw error
        }
    }

    /// Serves on what an earlier process served; nil when that fails, which is logged.
    private static func goOn(
        _ inherited: consuming MountKeeping.Inherited, _ server: TreeServer, _ mountpoint: String, _ keeping: MountKeeping?,
        _ traces: Bool, _ restore: ([Int: SlotContents]) -> [Int: SlotTree], _ log: Logger
    ) -> (FuseSession, Assigned)? {
        let contents = inherited.contents
        var assigned = Assigned(last: contents.last, shown: contents.slots)
        let trees = restore(contents.slots)
        for (slot, shown) in contents.slots {
            if let tree = trees[slot] {
                server.slots.put(server.served(tree), in: slot)
                assigned.unclaimed[slot] = Inherited(contents: shown, mounted: mounted(slot, at: mountpoint), tree: tree)
            } else {
                assigned.lost.insert(slot)
                log.error("a tree is lost; containers that use it have to be started again", metadata: ["tree": "\(shown.key)"])
            }
        }
        keeping?.hold(
            inherited.device, at: mountpoint, name: contents.mount.name, slots: contents.slots, last: contents.last)
        do {
            let session = try FuseSession(
                inherited.device, mountpoint: mountpoint, isTakenOver: true,
                operations: FuseOperations.table(hasFront: server.front != nil), server: server,
                traces: traces)
            log.notice("going on with the lazy layers of another process", metadata: ["trees": "\(assigned.unclaimed.count)"])
            return (session, assigned)
        } catch {
            log.error(
                "the mount of another process is lost; containers that use it have to be started again",
                metadata: ["reason": "\(error)"])
            keeping?.drop()
            for slot in assigned.unclaimed.keys { server.slots.remove(slot) }
            return nil
        }
    }

    /// Adds a layer; what is mounted is valid until `remove`.
    ///
    /// - Parameter contents: what another process would need to show the same; nil for a layer that ends with this one.
    /// - Throws: `LazyFSError.tooManyLayers`, `.ledger`.
    public func add(_ layer: LazyLayer, as contents: SlotContents? = nil) throws(LazyFSError) -> Mounted {
        try add(SlotTree(layer.stored.tree, layers: [layer]), as: contents)
    }

    /// Adds a tree; what is mounted is valid until `remove`.
    ///
    /// - Parameter contents: what another process would need to show the same; nil for a tree that ends with this one.
    /// - Throws: `LazyFSError.tooManyLayers`, `.ledger`.
    public func add(_ tree: SlotTree, as contents: SlotContents? = nil) throws(LazyFSError) -> Mounted {
        try slots.withLock { assigned throws(LazyFSError) in
            guard let slot = server.slots.free(after: assigned.last, reserved: assigned.lost) else {
                throw .tooManyLayers(limit: SlotTable.capacity - 1)
            }
            if let contents { try keeping?.note(slot, contents) }
            server.slots.put(server.served(tree), in: slot)
            assigned.last = slot
            assigned.shown[slot] = contents
            return LazyMount.mounted(slot, at: mountpoint)
        }
    }

    /// From now on the mount's root is that of a tree, and the slots are not reached by name any more.
    func showAlone(_ mounted: Mounted) {
        guard let served = server.slots.enter(mounted.slot) else { return }
        let root = served._withUnsafeGuaranteedRef { NodeID(slot: mounted.slot, node: $0.tree.root) }
        server.slots.leave(mounted.slot)
        server.shownRoot.store(root.raw, ordering: .relaxed)
        session.forgetAttributes(of: .root)
    }

    private static func mounted(_ slot: Int, at mountpoint: String) -> Mounted { Mounted(slot: slot, directory: "\(mountpoint)/\(slot)") }

    /// A tree on the mount.
    public struct Mounted: Sendable, Equatable {
        /// Number of the slot.
        public let slot: Int
        /// The tree's root directory: a lower directory of overlayfs, or the source of a bind mount.
        public let directory: String
        /// The layer's content file, a device for the kernel's EROFS; not there when the tree has the contents of several layers.
        public var contentFile: String { directory + SlotName.content }
        /// A directory in which only `.stargz-snapshotter` can be found, with the layers' state (contracts.md 4).
        public var stateDirectory: String { directory + SlotName.state }
    }

    /// A tree that an earlier process has put on the mount and this one serves on.
    public struct Inherited: Sendable {
        /// What it is.
        public let contents: SlotContents
        /// Where it is.
        public let mounted: Mounted
        /// What is served.
        public let tree: SlotTree
    }

    /// One of the trees that an earlier process has put on the mount, as if it had been added now; each is given once.
    public func claim(where isWanted: (SlotContents) -> Bool) -> Inherited? {
        slots.withLock { assigned in
            guard let slot = assigned.unclaimed.first(where: { isWanted($0.value.contents) })?.key else { return nil }
            return assigned.unclaimed.removeValue(forKey: slot)
        }
    }

    /// Whether all is served that an earlier process has put on the mount; false for a mount that is new.
    public var hasInheritedAll: Bool { isTakenOver && slots.withLock(\.lost.isEmpty) }

    /// Takes a tree off the mount; waits for reads that are under way. Blocks: not for a cooperative thread.
    ///
    /// - Parameter giveUp: makes reads fail that wait for the registry; may be called several times.
    public func remove(_ mounted: Mounted, giveUp: () -> Void = {}) {
        server.slots.remove(mounted.slot, giveUp: giveUp)
        for ending in ["", SlotName.content, SlotName.state] { session.forget(String(mounted.slot) + ending, in: .root) }
        keeping?.erase(mounted.slot)
        slots.withLock { $0.shown[mounted.slot] = nil }
    }

    /// Whether another process can go on with the mount by means of `copyDevice` and `ledger`.
    var canBeShared: Bool { session.canResend && slots.withLock(\.lost.isEmpty) }

    /// The mount's descriptor once more, for another process.
    func copyDevice() throws(HostError) -> OwnedDescriptor { try session.copyDevice() }

    /// What the mount shows at this moment.
    var ledger: SlotLedger.Contents {
        let mount = SlotLedger.Mount(name: "shared", device: "-", greeting: session.greeting)
        return slots.withLock { SlotLedger.Contents(mount: mount, slots: $0.shown, last: $0.last) }
    }

    /// Takes the mount out of this process's directories. Those who have copies of it use it on, so nothing else would.
    func detach() { try? Mounts.detach(mountpoint) }

    /// Lets somebody know of every read that has to wait: of which layer, and from which place of its content file on. Not to be blocked.
    func observeMisses(_ observer: @escaping TreeServer.MissObserver) { server.observeMisses(observer) }

    /// Requests of the kernel that this process has answered.
    var requestCounts: [FuseRequestKind: UInt64] {
        Dictionary(uniqueKeysWithValues: FuseRequestKind.allCases.map { ($0, server.requests.value($0)) })
    }

    /// Requests that the kernel has for the mount and that are not answered yet, those that nobody has taken among them; nil where the machine does
    /// not show it (no fusectl mounted). Looks at files: not for a cooperative thread.
    var unansweredRequests: Int? {
        guard let device = try? Mounts.mountPoint(at: mountpoint)?.device, let minor = device.split(separator: ":").last,
            let text = try? Files.read("/sys/fs/fuse/connections/\(minor)/waiting", limit: 64)
        else { return nil }
        return Int(String(decoding: text, as: UTF8.self).prefix { $0.isNumber })
    }

    /// Whether somebody answers the kernel.
    var isServing: Bool { session.isServing }

    /// Unmounts and frees everything; harmless when repeated. Reads that wait for the network are waited for, so shut the fetcher down before.
    public func unmount() {
        guard isFirstEnd() else { return }
        server.front?.end()
        session.end { server.waitUntilUnused() }
        keeping?.end()
    }

    /// Whether the mount can be left to another process.
    public var isKept: Bool { keeping?.isHeld == true }

    /// From now on no answer reaches the kernel: before `leave`, so that what fails because this process ends fails for nobody.
    public func silence() { server.gate.close() }

    /// Frees everything and leaves the mount as it is to another process, with requests that wait; as `unmount` otherwise.
    public func leave() {
        guard isFirstEnd() else { return }
        server.front?.end()
        session.leave { server.waitUntilUnused() }
        keeping?.leave()
    }

    private func isFirstEnd() -> Bool {
        slots.withLock { assigned in
            defer { assigned.ended = true }
            return !assigned.ended
        }
    }

    deinit { unmount() }
}
