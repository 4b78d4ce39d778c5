internal import Digests
internal import GRDB

/// What a new snapshot holds.
struct NewSnapshot: Sendable {
    var name: String
    var parentID: Int64?
    var kind: SnapshotKind
    var labels: [String: String]
    var request: LazyLayerRequest?
}

/// Changes to the snapshots, all or none of which happen: in the database at once, in the graph when that has committed them.
struct SnapshotTransaction: ~Copyable {
    private let database: Database
    private let current: () -> SnapshotGraph
    /// For the graph, in this order.
    private(set) var changes: [Change] = []

    enum Change: Sendable {
        case add(SnapshotRecord)
        case replace(SnapshotRecord)
        case remove(Int64)
    }

    /// The snapshots as they were before; nobody changes them meanwhile.
    var graph: SnapshotGraph { current() }

    init(_ database: Database, graph: @escaping () -> SnapshotGraph) {
        self.database = database
        current = graph
    }

    /// Adds a snapshot and answers its id; throws `alreadyExists` when the name is taken.
    mutating func insert(_ new: NewSnapshot, parentName: String) throws -> Int64 {
        try graph.requireFree(new.name)
        let now = SnapshotTime.now()
        let labels = Self.stored(new.labels)
        let info = SnapshotInfo(name: new.name, parent: parentName, kind: new.kind, created: now, updated: now, labels: labels)
        var record = SnapshotRecord(
            id: 0, parentID: new.parentID, info: info, usage: SnapshotUsage(bytes: 0, inodes: 0), request: new.request)
        try execute(
            """
            INSERT INTO snapshots (name, parent, kind, created, updated, labels, target, layer, request)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                new.name, new.parentID, new.kind.rawValue, now.nanoseconds, now.nanoseconds, try SnapshotRecord.encode(labels),
                record.target, new.request?.digest.description, try new.request.map { try SnapshotRecord.encode($0) },
            ])
        record.id = database.lastInsertedRowID
        changes.append(.add(record))
        return record.id
    }

    /// Turns an active snapshot into a committed one of another name; throws `alreadyExists` when the name is taken.
    mutating func commit(_ record: SnapshotRecord, as name: String, labels: [String: String], usage: SnapshotUsage) throws {
        try graph.requireFree(name)
        var record = record
        let now = SnapshotTime.now()
        record.info = SnapshotInfo(
            name: name, parent: record.info.parent, kind: .committed, created: now, updated: now, labels: Self.stored(labels))
        record.usage = usage
        try execute(
            """
            UPDATE snapshots SET name = ?, kind = ?, created = ?, updated = ?, labels = ?, target = ?, bytes = ?, inodes = ?
            WHERE id = ?
            """,
            [
                name, SnapshotKind.committed.rawValue, now.nanoseconds, now.nanoseconds, try SnapshotRecord.encode(record.info.labels),
                record.target, usage.bytes, usage.inodes, record.id,
            ])
        changes.append(.replace(record))
    }

    /// Replaces the labels; returns the snapshot with the new ones.
    mutating func setLabels(_ labels: [String: String], of record: SnapshotRecord) throws -> SnapshotRecord {
        var record = record
        record.info.labels = Self.stored(labels)
        record.info.updated = .now()
        try execute(
            "UPDATE snapshots SET labels = ?, target = ?, updated = ? WHERE id = ?",
            [try SnapshotRecord.encode(record.info.labels), record.target, record.info.updated.nanoseconds, record.id])
        changes.append(.replace(record))
        return record
    }

    /// Removes a snapshot; throws `hasChildren` when others stand on it.
    mutating func remove(_ record: SnapshotRecord) throws {
        guard !graph.hasChildren(record.id) else { throw SnapshotError.hasChildren(record.info.name) }
        try execute("DELETE FROM snapshots WHERE id = ?", [record.id])
        changes.append(.remove(record.id))
    }

    // Statements are compiled once for each connection: that takes longer than running one.
    private func execute(_ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// containerd stores no empty label values: setting one removes the label.
    private static func stored(_ labels: [String: String]) -> [String: String] {
        labels.filter { !$0.value.isEmpty }
    }
}
