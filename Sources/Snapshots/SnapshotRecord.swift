internal import Digests
internal import GRDB
internal import OCI

/// A row of the table `snapshots`.
struct SnapshotRecord: Sendable {
    /// Names the directory.
    var id: Int64
    var parentID: Int64?
    var info: SnapshotInfo
    /// As measured at commit.
    var usage: SnapshotUsage
    /// How to mount the layer that this snapshot is, when it is a lazy one.
    var request: LazyLayerRequest?

    /// Rows with the parent's name, for `init(row:)`.
    static let selection = "SELECT s.*, p.name AS parent_name FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"

    init(row: Row) throws {
        id = row["id"]
        parentID = row["parent"]
        let kind: Int = row["kind"]
        guard let kind = SnapshotKind(rawValue: kind) else {
            throw SnapshotError.metadata(path: "snapshots", reason: "row \(id) has the unknown kind \(kind)")
        }
        info = SnapshotInfo(
            name: row["name"], parent: row["parent_name"] ?? "", kind: kind,
            created: SnapshotTime(nanoseconds: row["created"]), updated: SnapshotTime(nanoseconds: row["updated"]),
            labels: try Self.decode([String: String].self, row["labels"], "labels of snapshot \(id)"))
        usage = SnapshotUsage(bytes: row["bytes"], inodes: row["inodes"])
        if let text: String = row["request"] {
            request = try Self.decode(LazyLayerRequest.self, text, "layer of snapshot \(id)")
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ text: String, _ what: String) throws -> Value {
        try Documents.decode(type, from: Array(text.utf8), what: what)
    }

    static func encode(_ value: some Encodable) throws -> String {
        String(decoding: try Documents.encode(value), as: UTF8.self)
    }
}

// Reading.
extension Database {
    func snapshot(named name: String) throws -> SnapshotRecord? {
        try Row.fetchOne(self, sql: SnapshotRecord.selection + " WHERE s.name = ?", arguments: [name]).map(SnapshotRecord.init)
    }

    /// The snapshot of that name; throws `notFound`.
    func requireSnapshot(named name: String) throws -> SnapshotRecord {
        guard let record = try snapshot(named: name) else { throw SnapshotError.notFound(name) }
        return record
    }

    /// The parent that a new snapshot names; nil when it names none.
    func requireParent(_ name: String) throws -> SnapshotRecord? {
        guard !name.isEmpty else { return nil }
        let record = try requireSnapshot(named: name)
        guard record.info.kind == .committed else { throw SnapshotError.parentNotCommitted(name) }
        return record
    }

    /// A snapshot's chain from `id` downwards, topmost first.
    func chain(from id: Int64?) throws -> [SnapshotRecord] {
        guard let id else { return [] }
        let sql = """
            WITH RECURSIVE chain (id, depth) AS (
                VALUES (?, 0) UNION ALL SELECT s.parent, depth + 1 FROM snapshots s JOIN chain USING (id) WHERE s.parent IS NOT NULL)
            SELECT s.*, p.name AS parent_name FROM chain JOIN snapshots s USING (id) LEFT JOIN snapshots p ON p.id = s.parent ORDER BY depth
            """
        return try Row.fetchAll(self, sql: sql, arguments: [id]).map(SnapshotRecord.init)
    }

    /// The committed snapshot that stands for a target on that parent.
    ///
    /// Its name is usually the target itself. The same chain may also stand on another parent's name, when one client unpacked the
    /// layers below and another did not; containerd insists on the parent that it gave.
    func snapshot(forTarget target: String, parentID: Int64?) throws -> SnapshotRecord? {
        let sql =
            SnapshotRecord.selection
            + " WHERE s.target = ? AND s.kind = ? AND s.parent IS ? AND (s.layer IS NOT NULL OR s.name = s.target) ORDER BY s.id LIMIT 1"
        let arguments: StatementArguments = [target, SnapshotKind.committed.rawValue, parentID]
        return try Row.fetchOne(self, sql: sql, arguments: arguments).map(SnapshotRecord.init)
    }

    /// Snapshots in the order of their names, all or those of a name or target.
    func snapshots(name: String?, target: String?) throws -> [SnapshotRecord] {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        if let name {
            conditions.append("s.name = ?")
            arguments += [name]
        }
        if let target {
            conditions.append("s.target = ?")
            arguments += [target]
        }
        let condition = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
        return try Row.fetchAll(self, sql: SnapshotRecord.selection + condition + " ORDER BY s.name", arguments: arguments)
            .map(SnapshotRecord.init)
    }
}
