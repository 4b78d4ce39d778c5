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

    /// What it was made for, when a client named that.
    var target: String? { info.labels[LayerLabels.target] }

    static func encode(_ value: some Encodable) throws -> String {
        String(decoding: try Documents.encode(value), as: UTF8.self)
    }
}

extension SnapshotRecord {
    /// Rows for `init(row:)`.
    static let selection = "SELECT \(columns()) FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"

    /// Columns of snapshots `s` with parents `p` for `init(row:)`, which takes them by their place: looking names up takes longer than the rest.
    static func columns(parentName: String = "p.name") -> String {
        "s.id, s.parent, s.kind, s.name, \(parentName), s.created, s.updated, s.labels, s.bytes, s.inodes, s.request"
    }

    init(row: Row) throws {
        let id: Int64 = row[0]
        let kind: Int = row[2]
        guard let kind = SnapshotKind(rawValue: kind) else {
            throw SnapshotError.metadata(path: "snapshots", reason: "row \(id) has the unknown kind \(kind)")
        }
        let info = SnapshotInfo(
            name: row[3], parent: row[4] ?? "", kind: kind, created: SnapshotTime(nanoseconds: row[5]),
            updated: SnapshotTime(nanoseconds: row[6]), labels: try Self.decodeLabels(row[7], id))
        let request: String? = row[10]
        self.init(
            id: id, parentID: row[1], info: info, usage: SnapshotUsage(bytes: row[8], inodes: row[9]),
            request: try request.map { try Self.decode(LazyLayerRequest.self, $0, "layer of snapshot \(id)") })
    }

    private static func decodeLabels(_ text: String, _ id: Int64) throws -> [String: String] {
        text == "{}" ? [:] : try decode([String: String].self, text, "labels of snapshot \(id)")
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ text: String, _ what: String) throws -> Value {
        try Documents.decode(type, from: Array(text.utf8), what: what)
    }
}
