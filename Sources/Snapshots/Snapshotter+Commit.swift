// From active to committed.
extension Snapshotter {
    /// Turns the active snapshot `key` into the committed one `name`; the key is free afterwards.
    ///
    /// - Parameter labels: of the committed snapshot; those of the active one are not inherited, as in containerd.
    public func commit(_ key: String, as name: String, labels: [String: String] = [:]) async throws {
        guard !name.isEmpty else { throw SnapshotError.invalidArgument("a committed snapshot needs a name") }
        let id = try metadata.look { graph in
            try graph.requireFree(name)
            return try Self.requireActive(graph.requireSnapshot(named: key)).id
        }
        let usage = try await measure(id)
        try await metadata.write { transaction in
            // Measuring took time: look again.
            let record = try Self.requireActive(transaction.graph.requireSnapshot(named: key))
            try transaction.commit(record, as: name, labels: labels, usage: usage)
        }
    }

    private static func requireActive(_ record: SnapshotRecord) throws -> SnapshotRecord {
        guard record.info.kind == .active else {
            throw SnapshotError.wrongKind(name: record.info.name, kind: record.info.kind, call: "Commit")
        }
        return record
    }
}
