internal import HostSystem
internal import Logging

// After a start: the graph, the directories and the lazy layers are brought together again.
extension Snapshotter {
    /// Removes what has no row, and repairs or reports what has no directory.
    func reconcile(_ records: [SnapshotRecord]) throws(HostError) {
        let contents = try directories.scan()
        for path in contents.temporaries + contents.removed { removeLater(path) }
        for id in contents.snapshots.subtracting(records.map(\.id)) {
            log.info("removing the directory of a snapshot that does not exist", metadata: ["path": "\(directories.path(id))"])
            if let path = try directories.setAside(id) { removeLater(path) }
        }
        for record in records where !contents.snapshots.contains(record.id) { try repair(record) }
    }

    /// A lazy layer's directory and a view's hold nothing and are made anew. Files that are lost are lost: the snapshot's row stays, so that
    /// the client can remove it, and `mounts` says what happened.
    private func repair(_ record: SnapshotRecord) throws(HostError) {
        guard record.request == nil else { return try directories.createEmpty(record.id) }
        guard record.info.kind == .view else {
            log.error(
                "a snapshot's directory is missing",
                metadata: ["snapshot": "\(record.info.name)", "path": "\(directories.path(record.id))"])
            return
        }
        let temporary = try directories.createTemporary(kind: record.info.kind, attributes: nil)
        try directories.adopt(temporary, as: record.id)
    }

    /// Mounts all lazy layers again, several at a time. What fails is logged and tried again by the first call that needs it.
    ///
    /// The snapshotter serves meanwhile; calls that need a layer wait for that layer only.
    ///
    /// - Parameter width: mounts under way at once, at least 1.
    /// - Returns: whether all are mounted.
    @discardableResult
    public func restoreLayers(width: Int = 16) async throws -> Bool {
        var waiting = metadata.look { $0.layerRequests }[...]
        return await withTaskGroup(of: Bool.self) { group in
            for request in waiting.prefix(max(1, width)) { group.addTask { await self.restore(request) } }
            waiting = waiting.dropFirst(max(1, width))
            var areAllMounted = true
            for await isMounted in group {
                areAllMounted = areAllMounted && isMounted
                if let request = waiting.popFirst() { group.addTask { await self.restore(request) } }
            }
            return areAllMounted
        }
    }

    private func restore(_ request: LazyLayerRequest) async -> Bool {
        do {
            try await table.mountAll([request])
            return true
        } catch let failure as LayerFailure {
            log.error(
                "a lazy layer is not available; it is tried again when needed",
                metadata: ["layer": "\(failure.digest)", "image": "\(request.reference)", "reason": "\(failure.reason)"])
        } catch {
            log.error("a lazy layer is not available", metadata: ["layer": "\(request.digest)", "reason": "\(error)"])
        }
        return false
    }

    /// Calls that wait for a registry fail from now on, in place of what they would come to; for a daemon that ends and has waited for them.
    public func stopWaiting() async { await table.end() }

    /// Unmounts all lazy layers. Containers that use them lose their files: for a daemon that is told to clean up.
    public func unmountLayers() async {
        do {
            try await quickWork.run { [directories] in try directories.unmapAll() }
        } catch {
            log.warning("mapped directories stay mounted", metadata: ["reason": "\(error)"])
        }
        await table.unmountAll()
    }
}
