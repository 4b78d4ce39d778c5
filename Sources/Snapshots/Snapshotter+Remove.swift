internal import Logging

// Removing snapshots: the row first, the files when there is time.
extension Snapshotter {
    /// Removes a snapshot that nothing stands on. It is gone at once; its disk space comes back soon after, at the latest with `cleanup`.
    public func remove(_ name: String) async throws {
        let record = try await metadata.writeToFree { transaction in
            let record = try transaction.graph.requireSnapshot(named: name)
            try transaction.remove(record)
            return record
        }
        if let request = record.request { await table.release(request.digest) }
        do {
            // Now and not later: what is shown belongs to layers whose turn may come next.
            try await quickWork.run { [directories] in try directories.unmap(in: directories.path(record.id)) }
            if let path = try directories.setAside(record.id) { removeLater(path) }
        } catch {
            log.warning("snapshot removed, its directory stays until Cleanup", metadata: ["error": "\(error)"])
        }
    }

    /// Removes the directories of snapshots that are gone, and returns when their disk space is free.
    public func cleanup() async throws {
        // Directories get their names within a transaction: inside another one, those without a row belong to nobody.
        let rubbish = try await metadata.writeToFree { [directories] transaction in
            var rubbish = try directories.scan().removed
            for id in try directories.scan().snapshots.subtracting(transaction.graph.snapshotIDs) {
                if let path = try directories.setAside(id) { rubbish.append(path) }
            }
            return rubbish
        }
        for path in rubbish {
            try await removals.run { [directories] in try directories.remove(path) }
        }
    }

    /// Waits until all trees of removed snapshots are gone.
    public func waitForRemovals() async throws {
        // The thread works in order: when this has run, everything before it has.
        try await removals.run {}
    }

    func removeLater(_ path: String) {
        removals.later { [directories, log, metadata] in
            do {
                try directories.remove(path)
                metadata.holdReserve()
            } catch {
                log.warning("cannot remove a snapshot's directory", metadata: ["error": "\(error)"])
            }
        }
    }
}
