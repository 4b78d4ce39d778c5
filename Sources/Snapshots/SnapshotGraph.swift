internal import Digests

/// All snapshots, as the database has them: what calls look at, for a look into SQLite takes longer than the rest of the answer. A pure value.
///
/// A record takes some hundred bytes and its labels, up to some kilobytes for a lazy layer; clients remove what they do not want.
struct SnapshotGraph: Sendable {
    private var records: [Int64: SnapshotRecord] = [:]
    private var ids: [String: Int64] = [:]
    /// Snapshots by the target that they were made for.
    private var targets: [String: Set<Int64>] = [:]
    private var childCounts: [Int64: Int] = [:]

    init(_ records: [SnapshotRecord]) {
        for record in records { add(record) }
    }

    // MARK: Changes, once the database has them

    mutating func apply(_ changes: [SnapshotTransaction.Change]) {
        for change in changes {
            switch change {
            case .add(let record): add(record)
            case .replace(let record):
                remove(record.id)
                add(record)
            case .remove(let id): remove(id)
            }
        }
    }

    private mutating func add(_ record: SnapshotRecord) {
        records[record.id] = record
        ids[record.info.name] = record.id
        if let target = record.target { targets[target, default: []].insert(record.id) }
        if let parent = record.parentID { childCounts[parent, default: 0] += 1 }
    }

    // What stands on it stays: those of a snapshot that is replaced.
    private mutating func remove(_ id: Int64) {
        guard let record = records.removeValue(forKey: id) else { return }
        ids[record.info.name] = nil
        if let target = record.target {
            targets[target]?.remove(id)
            if targets[target]?.isEmpty == true { targets[target] = nil }
        }
        if let parent = record.parentID {
            childCounts[parent]? -= 1
            if childCounts[parent] == 0 { childCounts[parent] = nil }
        }
    }

    // MARK: Looks

    func snapshot(named name: String) -> SnapshotRecord? { ids[name].flatMap { records[$0] } }

    /// The snapshot of that name; throws `notFound`.
    func requireSnapshot(named name: String) throws -> SnapshotRecord {
        guard let record = snapshot(named: name) else { throw SnapshotError.notFound(name) }
        return record
    }

    /// Whether the name is taken.
    func hasSnapshot(named name: String) -> Bool { ids[name] != nil }

    /// Throws `alreadyExists` when the name is taken.
    func requireFree(_ name: String) throws {
        guard !hasSnapshot(named: name) else { throw SnapshotError.alreadyExists(name) }
    }

    /// The id of the parent that a new snapshot names; nil when it names none.
    func requireParent(_ name: String) throws -> Int64? {
        guard !name.isEmpty else { return nil }
        let record = try requireSnapshot(named: name)
        guard record.info.kind == .committed else { throw SnapshotError.parentNotCommitted(name) }
        return record.id
    }

    /// Whether others stand on it.
    func hasChildren(_ id: Int64) -> Bool { childCounts[id] != nil }

    /// A snapshot's chain from `id` downwards, topmost first.
    func chain(from id: Int64?) -> [SnapshotRecord] {
        Array(
            sequence(state: id) { next in
                guard let record = next.flatMap({ records[$0] }) else { return nil }
                next = record.parentID
                return record
            })
    }

    /// Whether a committed snapshot stands for a target on that parent.
    ///
    /// Its name is usually the target itself. The same chain may also stand on another parent's name, when one client unpacked the
    /// layers below and another did not; containerd insists on the parent that it gave.
    func hasSnapshot(forTarget target: String, parentID: Int64?) -> Bool {
        guard let found = targets[target] else { return false }
        return found.contains { id in
            guard let record = records[id], record.info.kind == .committed, record.parentID == parentID else { return false }
            return record.request != nil || record.info.name == target
        }
    }

    /// Snapshots in no order, all or those of a name or target.
    func snapshots(name: String?, target: String?) -> [SnapshotRecord] {
        if let name {
            guard let record = snapshot(named: name), target == nil || record.target == target else { return [] }
            return [record]
        }
        guard let target else { return Array(records.values) }
        return (targets[target] ?? []).compactMap { records[$0] }
    }

    /// How to mount the layers that snapshots are, each layer once.
    var layerRequests: [LazyLayerRequest] {
        let requests = records.values.sorted { $0.id < $1.id }.compactMap(\.request)
        return Array(Dictionary(requests.map { ($0.digest, $0) }, uniquingKeysWith: { $1 }).values)
    }

    var snapshotIDs: Set<Int64> { Set(records.keys) }
}
