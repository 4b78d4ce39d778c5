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

    /// Rows for `init(row:)`.
    static let selection = "SELECT \(columns()) \(source)"
    /// The same for whoever asks for `info` only: a layer's request takes longer to read than the rest.
    static let selectionOfInfo = "SELECT \(columns(request: "NULL")) \(source)"
    private static let source = "FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"

    /// Columns of snapshots `s` with parents `p` for `init(row:)`, which takes them by their place: looking names up takes longer than the rest.
    static func columns(labels: String = "s.labels", parentName: String = "p.name", request: String = "s.request") -> String {
        "s.id, s.parent, s.kind, s.name, \(parentName), s.created, s.updated, \(labels), s.bytes, s.inodes, \(request)"
    }

    init(row: Row) throws {
        id = row[0]
        parentID = row[1]
        let kind: Int = row[2]
        guard let kind = SnapshotKind(rawValue: kind) else {
            throw SnapshotError.metadata(path: "snapshots", reason: "row \(id) has the unknown kind \(kind)")
        }
        info = SnapshotInfo(
            name: row[3], parent: row[4] ?? "", kind: kind, created: SnapshotTime(nanoseconds: row[5]),
            updated: SnapshotTime(nanoseconds: row[6]), labels: try Self.decodeLabels(row[7], id))
        usage = SnapshotUsage(bytes: row[8], inodes: row[9])
        if let text: String = row[10] {
            request = try Self.decode(LazyLayerRequest.self, text, "layer of snapshot \(id)")
        }
    }

    private static func decodeLabels(_ text: String, _ id: Int64) throws -> [String: String] {
        text == "{}" ? [:] : try decode([String: String].self, text, "labels of snapshot \(id)")
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
        try fetchOne(SnapshotRecord.selection + " WHERE s.name = ?", [name]).map(SnapshotRecord.init)
    }

    /// The snapshot of that name; throws `notFound`.
    func requireSnapshot(named name: String) throws -> SnapshotRecord {
        guard let record = try snapshot(named: name) else { throw SnapshotError.notFound(name) }
        return record
    }

    /// What is known of the snapshot of that name; throws `notFound`.
    func requireInfo(named name: String) throws -> SnapshotInfo {
        guard let row = try fetchOne(SnapshotRecord.selectionOfInfo + " WHERE s.name = ?", [name]) else {
            throw SnapshotError.notFound(name)
        }
        return try SnapshotRecord(row: row).info
    }

    /// Whether the name is taken.
    func hasSnapshot(named name: String) throws -> Bool { try fetchOne("SELECT 1 FROM snapshots WHERE name = ?", [name]) != nil }

    /// The id of the parent that a new snapshot names; nil when it names none.
    func requireParent(_ name: String) throws -> Int64? {
        guard !name.isEmpty else { return nil }
        let (id, kind) = try requireID(named: name)
        guard kind == SnapshotKind.committed.rawValue else { throw SnapshotError.parentNotCommitted(name) }
        return id
    }

    /// The id and the kind of the snapshot of that name; throws `notFound`.
    private func requireID(named name: String) throws -> (id: Int64, kind: Int) {
        guard let row = try fetchOne("SELECT id, kind FROM snapshots WHERE name = ?", [name]) else { throw SnapshotError.notFound(name) }
        return (row[0], row[1])
    }

    /// The chain of the snapshot of that name, that one included.
    func chain(named name: String) throws -> [SnapshotRecord] { try chain(from: requireID(named: name).id) }

    // Statements are compiled once for each connection: that takes longer than running one.
    private func fetchOne(_ sql: String, _ arguments: StatementArguments) throws -> Row? {
        try Row.fetchOne(cachedStatement(sql: sql), arguments: arguments)
    }

    /// A snapshot's chain from `id` downwards, topmost first; with labels only that one, which may be long.
    func chain(from id: Int64?) throws -> [SnapshotRecord] {
        guard let id else { return [] }
        let sql = """
            WITH RECURSIVE chain (id, depth) AS (
                VALUES (?, 0) UNION ALL SELECT s.parent, depth + 1 FROM snapshots s JOIN chain USING (id) WHERE s.parent IS NOT NULL)
            SELECT \(SnapshotRecord.columns(labels: "iif(depth = 0, s.labels, '{}')"))
            FROM chain JOIN snapshots s USING (id) LEFT JOIN snapshots p ON p.id = s.parent ORDER BY depth
            """
        return try Row.fetchAll(cachedStatement(sql: sql), arguments: [id]).map(SnapshotRecord.init)
    }

    /// Whether a committed snapshot stands for a target on that parent.
    ///
    /// Its name is usually the target itself. The same chain may also stand on another parent's name, when one client unpacked the
    /// layers below and another did not; containerd insists on the parent that it gave.
    func hasSnapshot(forTarget target: String, parentID: Int64?) throws -> Bool {
        let sql = "SELECT 1 FROM snapshots WHERE target = ? AND kind = ? AND parent IS ? AND (layer IS NOT NULL OR name = target)"
        return try fetchOne(sql, [target, SnapshotKind.committed.rawValue, parentID]) != nil
    }

    /// What is known of snapshots in the order of their names, all or those of a name or target.
    func infos(name: String?, target: String?) throws -> [SnapshotInfo] {
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
        let statement = try cachedStatement(sql: SnapshotRecord.selectionOfInfo + condition + " ORDER BY s.name")
        return try Row.fetchAll(statement, arguments: arguments).map { try SnapshotRecord(row: $0).info }
    }
}
