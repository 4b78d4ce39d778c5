internal import GRDB
internal import Glibc
internal import HostSystem
internal import Synchronization

/// The snapshots, in SQLite (`ROOT/snapshots/metadata.db`, write-ahead log, one writer) and, for who only looks, in memory.
///
/// Every write is one short transaction that is on the disk when it returns, because containerd's own records build on it; the graph in memory
/// follows it. Nobody else writes to the database: who has the root's lock has it, too. Nothing in here waits for a network or a mount.
final class MetadataStore: Sendable {
    private let path: String
    private let pool: DatabasePool
    private let reserve: SpaceReserve
    private let graph: Mutex<SnapshotGraph>

    /// Opens or creates the database; one that is damaged is left as it is.
    ///
    /// - Throws: `.damaged`, also where directories of snapshots show that there was a database once: a new one would declare them rubbish.
    init(directories: SnapshotDirectories) throws(SnapshotError) {
        path = directories.base + "/metadata.db"
        reserve = SpaceReserve(directory: directories.base)
        do {
            let orphans = try directories.scan().snapshots.count
            if Files.exists(path) { try Self.check(path, orphans) } else if orphans > 0 { throw Self.empty(path, orphans) }
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            configuration.maximumReaderCount = 1
            let pool = try DatabasePool(path: path, configuration: configuration)
            // GRDB relaxes this in WAL mode: a power cut could then forget commits that containerd remembers.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try Self.migrations.migrate(pool)
            self.pool = pool
            graph = Mutex(
                SnapshotGraph(try pool.read { try Row.fetchAll($0, sql: SnapshotRecord.selection).map(SnapshotRecord.init) }))
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    static var migrations: DatabaseMigrator {
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

    /// Looks at the snapshots as the last transaction has left them, at once; what it looks at does not change meanwhile.
    func look<Value: Sendable>(_ body: (borrowing SnapshotGraph) throws -> Value) rethrows -> Value {
        try graph.withLock { try body($0) }
    }

    /// Fails when the database cannot be read.
    func check() async throws {
        do {
            try await pool.read { _ = try Int.fetchOne($0, sql: "SELECT count(*) FROM snapshots") }
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Runs a writing transaction: all of it or nothing.
    func write<Value: Sendable>(_ body: @escaping @Sendable (inout SnapshotTransaction) throws -> Value) async throws -> Value {
        do {
            return try await pool.writeWithoutTransaction { db in try self.commit(db, body) }
        } catch let cancellation as CancellationError {
            throw cancellation
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Looks a database over, some milliseconds for a thousand snapshots, and writes nothing: what is damaged is evidence.
    private static func check(_ path: String, _ orphans: Int) throws {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let (isEmpty, fault) = try queue.read { db in
            (try !db.tableExists("snapshots"), try String.fetchOne(db, sql: "PRAGMA quick_check(1)"))
        }
        try queue.close()
        if let fault, fault != "ok" { throw SnapshotError.damaged(path: path, reason: fault.replacing("\n", with: " ")) }
        if orphans > 0, isEmpty { throw empty(path, orphans) }
    }

    private static func empty(_ path: String, _ count: Int) -> SnapshotError {
        .damaged(path: path, reason: "there is nothing in it, and beside it are directories of \(count) snapshots")
    }

    // On the one thread that writes, so that the graph's changes come in the database's order.
    private func commit<Value>(_ db: Database, _ body: (inout SnapshotTransaction) throws -> Value) throws -> Value {
        var transaction = SnapshotTransaction(db) { self.look { graph in copy graph } }
        let value: Value
        try db.beginTransaction(.immediate)
        do {
            value = try body(&transaction)
            try db.commit()
        } catch {
            // SQLite itself has ended some of those that fail.
            if db.isInsideTransaction { try? db.rollback() }
            throw error
        }
        let changes = transaction.changes
        graph.withLock { $0.apply(changes) }
        return value
    }

    /// Runs a writing transaction after which there is more space than before; a full disk does not keep it from being done.
    func writeToFree<Value: Sendable>(_ body: @escaping @Sendable (inout SnapshotTransaction) throws -> Value) async throws -> Value {
        do {
            return try await write(body)
        } catch SnapshotError.system(.call(_, _, ENOSPC)) where reserve.spend() {
            return try await write(body)
        }
    }

    /// Holds space for `writeToFree`, as far as there is some.
    func holdReserve() { reserve.hold() }

    /// Our own errors pass; SQLite's become one line.
    static func failure(_ error: any Error, path: String) -> SnapshotError {
        if let error = error as? SnapshotError { return error }
        if let error = error as? HostError { return .system(error) }
        if let error = error as? DatabaseError {
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(path: path, reason: error.message ?? "not a database")
            case .SQLITE_FULL: return .system(.call(operation: "write", path: path, code: ENOSPC))
            default: break
            }
            return .metadata(path: path, reason: error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
        return .metadata(path: path, reason: "\(error)")
    }
}
