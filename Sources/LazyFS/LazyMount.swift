internal import ChunkStore
public import FetchEngine
internal import Glibc
internal import HostSystem
public import Logging
internal import Synchronization
public import TreeImage

/// The FUSE mount of one process: every lazy layer is a directory in it, named by its slot number.
///
///     kernel ─▶ FuseOperations (libfuse's callbacks) ─▶ SlotTable ─▶ ServedTree ─▶ LayerTree, ChunkMap, content file
///                                                                        └─ miss ─▶ ChunkFetcher ─▶ reply from wherever the bytes arrive
///
/// Trees are immutable, so names, attributes, links, directories and data are cached by the kernel without limit of time. The mount keeps no
/// state about open files or looked-up nodes: node ids are numbers, OPEN is answered with ENOSYS, FORGET is ignored.
public final class LazyMount: Sendable {
    /// Where the mount is.
    public let mountpoint: String
    private let server: TreeServer
    private let session: FuseSession
    private let slots = Mutex(Assigned())

    private struct Assigned {
        var last = 0
        var ended = false
    }

    /// Mounts at `mountpoint` (made when missing; a dead mount there is removed) and starts to serve an empty directory.
    public init(mountpoint: String, fetcher: ChunkFetcher, log: Logger) throws {
        self.mountpoint = mountpoint
        if try Mounts.mountPoints().contains(where: { $0.path == mountpoint }) { try Mounts.unmount(mountpoint) }
        try Files.makeDirectories(mountpoint, mode: 0o711)
        server = TreeServer(fetcher: fetcher)
        session = try FuseSession(
            mountpoint: mountpoint, operations: FuseOperations.table(), context: Unmanaged.passUnretained(server).toOpaque())
        do {
            try session.start()
        } catch {
            session.end {}
            throw error
        }
    }

    /// Adds a layer; what is mounted is valid until `remove`.
    ///
    /// - Throws: `LazyFSError.tooManyLayers`.
    public func add(_ layer: LazyLayer) throws(LazyFSError) -> Mounted { try add(layer.stored.tree, contents: [layer]) }

    /// Adds a tree whose files' contents are those of some layers, by content device; what is mounted is valid until `remove`.
    ///
    /// - Throws: `LazyFSError.tooManyLayers`.
    public func add(_ tree: LayerTree, contents: [LazyLayer]) throws(LazyFSError) -> Mounted {
        let slot = slots.withLock { assigned -> Int? in
            let slot = server.slots.add(ServedTree(tree, layers: contents, fetcher: server.fetcher), after: assigned.last)
            if let slot { assigned.last = slot }
            return slot
        }
        guard let slot else { throw .tooManyLayers(limit: SlotTable.capacity - 1) }
        return Mounted(slot: slot, directory: "\(mountpoint)/\(slot)")
    }

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

    /// Takes a tree off the mount; waits for reads that are under way. Blocks: not for a cooperative thread.
    public func remove(_ mounted: Mounted) {
        server.slots.remove(mounted.slot)
        for ending in ["", SlotName.content, SlotName.state] { session.forget(String(mounted.slot) + ending, in: .root) }
    }

    /// Unmounts and frees everything; harmless when repeated. Reads that wait for the network are waited for, so shut the fetcher down before.
    public func unmount() {
        let first = slots.withLock { assigned in
            defer { assigned.ended = true }
            return !assigned.ended
        }
        guard first else { return }
        session.end { server.slots.waitUntilUnused() }
    }

    deinit { unmount() }
}
