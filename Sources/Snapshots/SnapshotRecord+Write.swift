internal import Digests
internal import GRDB

/// What a new row holds.
struct NewSnapshot: Sendable {
    var name: String
    var parentID: Int64?
    var kind: SnapshotKind
    var labels: [String: String]
    var request: LazyLayerRequest?
}

// Writing.
extension Database {
    /// Adds a row and answers its id; throws `alreadyExists` when the name is taken.
    func insert(_ new: NewSnapshot) throws -> Int64 {
        guard try !hasSnapshot(named: new.name) else { throw SnapshotError.alreadyExists(new.name) }
        let labels = Self.stored(new.labels)
        let now = SnapshotTime.now().nanoseconds
        try execute(
            sql: """
                INSERT INTO snapshots (name, parent, kind, created, updated, labels, target, layer, request)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                new.name, new.parentID, new.kind.rawValue, now, now, try SnapshotRecord.encode(labels), labels[LayerLabels.target],
                new.request?.digest.description, try new.request.map { try SnapshotRecord.encode($0) },
            ])
        return lastInsertedRowID
    }

    /// Turns an active snapshot into a committed one of another name.
    func commit(id: Int64, name: String, labels: [String: String], usage: SnapshotUsage) throws {
        let labels = Self.stored(labels)
        let now = SnapshotTime.now().nanoseconds
        try execute(
            sql: """
                UPDATE snapshots SET name = ?, kind = ?, created = ?, updated = ?, labels = ?, target = ?, bytes = ?, inodes = ?
                WHERE id = ?
                """,
            arguments: [
                name, SnapshotKind.committed.rawValue, now, now, try SnapshotRecord.encode(labels), labels[LayerLabels.target],
                usage.bytes, usage.inodes, id,
            ])
    }

    /// Replaces the labels.
    func setLabels(_ labels: [String: String], id: Int64) throws {
        let labels = Self.stored(labels)
        try execute(
            sql: "UPDATE snapshots SET labels = ?, target = ?, updated = ? WHERE id = ?",
            arguments: [try SnapshotRecord.encode(labels), labels[LayerLabels.target], SnapshotTime.now().nanoseconds, id])
    }

    /// Removes the row; throws `hasChildren` when others stand on it.
    func remove(_ record: SnapshotRecord) throws {
        let hasChildren = try Bool.fetchOne(self, sql: "SELECT EXISTS (SELECT 1 FROM snapshots WHERE parent = ?)", arguments: [record.id])
        guard hasChildren != true else { throw SnapshotError.hasChildren(record.info.name) }
        try execute(sql: "DELETE FROM snapshots WHERE id = ?", arguments: [record.id])
    }

    /// containerd stores no empty label values: setting one removes the label.
    private static func stored(_ labels: [String: String]) -> [String: String] {
        labels.filter { !$0.value.isEmpty }
    }
}
