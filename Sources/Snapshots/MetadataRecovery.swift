internal import GRDB
internal import Glibc
internal import HostSystem

/// Saves what can be read of a damaged metadata database, and loses nothing else: the file is kept aside, and with it the directories of
/// snapshots whose rows it does not give any more.
///
///     ROOT/snapshots/metadata.db, damaged ─▶ rows that can be read, by the ids that the directories have ─▶ a new metadata.db
///     ROOT/damaged-<time>/                   metadata.db as it was, with its log; <id>/ of each snapshot that was lost
public struct MetadataRecovery: Sendable {
    /// What became of a database.
    public enum Outcome: Equatable, Sendable {
        /// Nothing is wrong with it, and nothing was done.
        case healthy(path: String)
        /// There is a new one.
        case recovered(saved: Int, lost: Int, aside: String)
    }

    private let directories: SnapshotDirectories
    private let root: String
    private var database: String { directories.base + "/metadata.db" }

    /// Recovers the snapshots below `root`, if they need it, with nobody else at them meanwhile.
    ///
    /// - Throws: `SnapshotError`; `.system(.locked)` while a daemon runs.
    public static func run(root: String) throws(SnapshotError) -> Outcome {
        do {
            guard Files.isDirectory(root) else { throw HostError.call(operation: "open", path: root, code: ENOENT) }
            let lock = try FileLock(root + "/" + Snapshotter.lockFile)
            defer { withExtendedLifetime(lock) {} }
            let recovery = MetadataRecovery(directories: try SnapshotDirectories(root: root), root: root)
            do {
                _ = try MetadataStore(directories: recovery.directories)
                return .healthy(path: recovery.database)
            } catch SnapshotError.damaged {
                return try recovery.recover()
            }
        } catch {
            throw MetadataStore.failure(error, path: root)
        }
    }

    private func recover() throws -> Outcome {
        let identifiers = try directories.scan().snapshots.sorted()
        let rows = readableRows(identifiers)
        let aside = "\(root)/damaged-\(SnapshotTime.now().nanoseconds)"
        try Files.makeDirectories(aside, mode: 0o700)
        let saved = try write(rows, to: aside + "/new.db", last: identifiers.last ?? 0)
        // Until the last of these the damaged database is in its place, and all of this can be done again.
        for ending in ["-wal", "-shm"] { try move(database + ending, to: aside + "/metadata.db" + ending) }
        if link(database, aside + "/metadata.db") != 0, errno != ENOENT { throw HostError.last("link", database) }
        let lost = identifiers.filter { !saved.contains($0) }
        for id in lost { try move(directories.path(id), to: "\(aside)/\(id)") }
        guard rename(aside + "/new.db", database) == 0 else { throw HostError.last("rename", aside + "/new.db") }
        return .recovered(saved: saved.count, lost: lost.count, aside: aside)
    }

    private func move(_ path: String, to target: String) throws(HostError) {
        guard rename(path, target) == 0 || errno == ENOENT else { throw .last("rename", path) }
    }

    /// Rows one by one: each is looked up from the root of the table, so that a bad page costs those that are in it and no others.
    private func readableRows(_ identifiers: [Int64]) -> [Row] {
        var configuration = Configuration()
        configuration.readonly = true
        // Where nothing at all can be read there are no rows.
        guard let queue = try? DatabaseQueue(path: database, configuration: configuration) else { return [] }
        return identifiers.compactMap { id in
            try? queue.read { db in
                guard let row = try Row.fetchOne(db, sql: "SELECT * FROM snapshots WHERE id = ?", arguments: [id])?.copy() else {
                    return nil
                }
                // What has lost its sense is lost; a parent's name may be on a page that cannot be read.
                let sql = "SELECT \(SnapshotRecord.columns(parentName: "NULL")) FROM snapshots s WHERE s.id = ?"
                _ = try Row.fetchOne(db, sql: sql, arguments: [id]).map(SnapshotRecord.init)
                return row
            }
        }
    }

    /// Returns the ids of the rows that a new database has: those whose parents it has, too.
    private func write(_ rows: [Row], to path: String, last: Int64) throws -> Set<Int64> {
        let queue = try DatabaseQueue(path: path)
        try MetadataStore.migrations.migrate(queue)
        let saved = try queue.write { db in
            var saved: Set<Int64> = []
            // A parent is older than its children, and so is its id.
            for row in rows {
                let parent: Int64? = row["parent"]
                guard parent.map(saved.contains) ?? true else { continue }
                do {
                    try insert(row, db)
                    saved.insert(row["id"])
                } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                    // Two of one name: one of them is not what it was.
                }
            }
            // No id is given out again while a directory of that name is kept.
            try db.execute(sql: "DELETE FROM sqlite_sequence")
            try db.execute(sql: "INSERT INTO sqlite_sequence (name, seq) VALUES ('snapshots', ?)", arguments: [last])
            return saved
        }
        try queue.close()
        return saved
    }

    private func insert(_ row: Row, _ db: Database) throws {
        let columns = Array(row.columnNames)
        let places = columns.map { _ in "?" }.joined(separator: ", ")
        try db.execute(
            sql: "INSERT INTO snapshots (\(columns.joined(separator: ", "))) VALUES (\(places))",
            arguments: StatementArguments(row.databaseValues))
    }
}
