internal import HostSystem
public import Logging
internal import Synchronization

/// containerd's snapshotter model on overlayfs, in which a layer may be *lazy*: there before its bytes are.
///
/// A snapshot is a directory tree with a parent. `prepare` makes an **active** one, writable, that `commit` turns into a **committed**
/// one, immutable, on which others can stand; `view` makes a read-only look at a committed one. Keys and names share one name space.
/// What a client gets are *mounts*, calls of mount(2) for it to make; this room itself mounts only the lower directories of a user namespace,
/// with their ids mapped.
///
///     prepare(labels name a layer) ──▶ LazyLayers.open ──▶ committed under the target name: targetExists, the client skips the download
///                                              └─ cannot ──▶ ordinary active snapshot: the client unpacks into it
///
/// The graph is in `MetadataStore`, the files in `SnapshotDirectories`; a row is added after its directory is complete and removed
/// before it, so that a process killed anywhere leaves at most rubbish, which the next start removes.
/// Never: gRPC, network, a transaction that waits for either or for a mount. Calls for one image never wait for another image's network.
public final class Snapshotter: Sendable {
    let metadata: MetadataStore
    let directories: SnapshotDirectories
    let overlay: OverlayPlan
    let lazyLayers: any LazyLayers
    let table: LayerTable
    let targets = SingleFlight<TargetKey, TargetOutcome>()
    /// Whether a layer that cannot be lazy is an error, in place of the client's to unpack.
    let requiresLazy: Bool
    /// What was logged of layers that are not lazy.
    let reported = Mutex(RecentTexts(limit: 1024))
    /// Creates directories and asks for their attributes.
    let quickWork = BlockingPool(threads: 2, name: "snapshots")
    /// Measures trees.
    let walks = BlockingPool(threads: 2, name: "snapshot-usage")
    /// Removes trees, one at a time.
    let removals = BlockingPool(threads: 1, name: "snapshot-remove")
    let log: Logger
    /// Keeps a second daemon away from the root directory.
    private let lock: FileLock
    static let lockFile = "starlingd.lock"

    /// Opens the snapshots below `root`, creating what is missing, and repairs what a killed process left half-done.
    ///
    /// Lazy layers are not mounted yet: call `restoreLayers`, or let the first `mounts` do it.
    ///
    /// - Parameter requiresLazy: whether clients may not unpack layers that cannot be lazy.
    /// - Throws: `.system(.locked)` when another process holds the root.
    public init(root: String, layers: any LazyLayers, requiresLazy: Bool = false, log: Logger) throws(SnapshotError) {
        guard !root.contains(where: { $0 == ":" || $0 == "," || $0 == "\\" }), root.hasPrefix("/") else {
            throw .invalidArgument("root directory \(root): must be absolute and without : , \\, which separate overlayfs' options")
        }
        do {
            directories = try SnapshotDirectories(root: root)
            lock = try FileLock(root + "/" + Self.lockFile)
        } catch {
            throw .system(error)
        }
        metadata = try MetadataStore(directories: directories)
        overlay = OverlayPlan.forHost()
        lazyLayers = layers
        self.requiresLazy = requiresLazy
        self.log = log
        metadata.holdReserve()
        let records = try metadata.allSnapshots()
        let digests = records.compactMap(\.request?.digest)
        table = LayerTable(layers: layers, userCounts: Dictionary(digests.map { ($0, 1) }, uniquingKeysWith: +))
        do {
            try reconcile(records)
        } catch {
            throw .system(error)
        }
    }

    /// Fails when the metadata cannot be read.
    public func check() async throws { _ = try metadata.look { try $0.snapshot(named: "") } }

    /// What is known of a snapshot.
    public func stat(_ name: String) async throws -> SnapshotInfo {
        try metadata.look { try $0.requireInfo(named: name) }
    }

    /// Snapshots that pass the filters (see `SnapshotFilter`), in the order of their names.
    public func list(filters: [String] = []) async throws -> [SnapshotInfo] {
        let filter = try SnapshotFilter(parsing: filters)
        let name = filter.demandedValue(of: ["name"])
        let target = filter.demandedValue(of: ["labels", LayerLabels.target])
        // containerd asks for the one of a target with each lazy layer.
        let isFew = name != nil || target != nil
        let infos =
            isFew
            ? try metadata.look { try $0.infos(name: name, target: target) }
            : try await metadata.read { try $0.infos(name: nil, target: nil) }
        return infos.filter(filter.matches)
    }

    /// Changes labels, the only thing about a snapshot that can be changed.
    ///
    /// - Parameters:
    ///   - labels: new values; an empty or absent one removes the label.
    ///   - fields: `labels.<key>` for single labels, `labels` for all; none means all.
    public func update(_ name: String, labels: [String: String], fields: [String] = []) async throws -> SnapshotInfo {
        try await metadata.write { db in
            let record = try db.requireSnapshot(named: name)
            try db.setLabels(try Self.merged(record.info, labels: labels, fields: fields), id: record.id)
            return try db.requireSnapshot(named: name).info
        }
    }

    private static func merged(_ info: SnapshotInfo, labels: [String: String], fields: [String]) throws -> [String: String] {
        var merged = fields.isEmpty ? labels : info.labels
        for field in fields {
            if field == "labels" {
                merged = labels
            } else if field.hasPrefix("labels.") {
                let key = String(field.dropFirst("labels.".count))
                merged[key] = labels[key]
            } else {
                throw SnapshotError.invalidArgument("snapshot \(info.name): the field \(field) cannot be changed, only labels can")
            }
        }
        return merged
    }

    /// Disk space of the snapshot itself: measured now for an active one, at commit for a committed one, and of a lazy layer what is here of it now.
    public func usage(_ name: String) async throws -> SnapshotUsage {
        let record = try metadata.look { try $0.requireSnapshot(named: name) }
        if let request = record.request {
            let usage = await lazyLayers.usage(request.digest)
            return SnapshotUsage(bytes: usage.bytes, inodes: usage.inodes)
        }
        guard record.info.kind == .active else { return record.usage }
        return try await measure(record.id)
    }

    func measure(_ id: Int64) async throws -> SnapshotUsage {
        let path = directories.files(id)
        return try await walks.run { try DirectoryUsage.measure(path) }
    }
}
