internal import GRDB
internal import HostSystem

/// The snapshot graph in SQLite: `ROOT/snapshots/metadata.db`, write-ahead log, one writer, many readers.
///
/// Every write is one short transaction that is on the disk when it returns, because containerd's own records build on it.
/// Nothing in here waits for a network or a mount.
struct MetadataStore: Sendable {
    let path: String
    let pool: DatabasePool

    /// Opens or creates the database.
    init(directory: String) throws(SnapshotError) {
        path = directory + "/metadata.db"
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            configuration.maximumReaderCount = 4
            pool = try DatabasePool(path: path, configuration: configuration)
            // GRDB relaxes this in WAL mode: a power cut could then forget commits that containerd remembers.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try Self.migrations.migrate(pool)
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: snapshots") { db in
            // AUTOINCREMENT: an id names a directory and is never used twice, so that a late removal cannot hit a new snapshot.
            try db.execute(
                sql: """
                    CREATE TABLE snapshots (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        name TEXT NOT NULL UNIQUE,
                        parent INTEGER REFERENCES snapshots (id) ON DELETE RESTRICT,
                        kind INTEGER NOT NULL,            -- SnapshotKind
                        created INTEGER NOT NULL,         -- nanoseconds since 1970
                        updated INTEGER NOT NULL,
                        labels TEXT NOT NULL,             -- JSON object
                        target TEXT,                      -- the label containerd.io/snapshot.ref, for lookup
                        bytes INTEGER NOT NULL DEFAULT 0, -- usage, measured at commit
                        inodes INTEGER NOT NULL DEFAULT 0,
                        layer TEXT,                       -- digest of the lazy layer that is this snapshot
                        request TEXT                      -- JSON of the LazyLayerRequest that mounts it
                    );
                    CREATE INDEX snapshots_parent ON snapshots (parent);
                    CREATE INDEX snapshots_target ON snapshots (target) WHERE target IS NOT NULL;
                    CREATE INDEX snapshots_layer ON snapshots (layer) WHERE layer IS NOT NULL;
                    """)
        }
        return migrator
    }

    /// Every row, for the start.
    func allSnapshots() throws(SnapshotError) -> [SnapshotRecord] {
        do {
            return try pool.read { try Row.fetchAll($0, sql: SnapshotRecord.selection).map(SnapshotRecord.init) }
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Runs a reading transaction.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.read(body)
        } catch let cancellation as CancellationError {
            throw cancellation
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Runs a writing transaction: all of it or nothing.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.write(body)
        } catch let cancellation as CancellationError {
            throw cancellation
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Our own errors pass; SQLite's become one line.
    private static func failure(_ error: any Error, path: String) -> SnapshotError {
        if let error = error as? SnapshotError { return error }
        if let error = error as? HostError { return .system(error) }
        if let error = error as? DatabaseError {
            return .metadata(path: path, reason: error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
        return .metadata(path: path, reason: "\(error)")
    }
}
