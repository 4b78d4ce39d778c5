internal import Digests
internal import Glibc

// Making snapshots and mounting them.
extension Snapshotter {
    /// Makes a writable snapshot on a committed parent, or on nothing.
    ///
    /// - Parameters:
    ///   - parent: name of the parent; empty for none.
    ///   - labels: stored with the snapshot. With `LayerLabels.target` and a layer's labels the layer is mounted lazily, if it can be.
    ///   - isWanted: asked when all waiting for the network is over; false makes nothing under this key.
    /// - Returns: the mounts that show it.
    /// - Throws: `targetExists` when the target is there now and nothing needs to be unpacked; `mustBeLazy`; `CancellationError` when it is not wanted.
    public func prepare(
        _ key: String, parent: String = "", labels: [String: String] = [:], isWanted: @Sendable () -> Bool = { true }
    ) async throws -> [SnapshotMount] {
        guard let target = labels[LayerLabels.target], !target.isEmpty else {
            return try await create(.active, key, parent: parent, labels: labels, isWanted)
        }
        switch try await prepareTarget(target, key: key, parent: parent, labels: labels) {
        case .exists: throw SnapshotError.targetExists(target)
        case .refused(let reason, let isChosen):
            guard isChosen || !requiresLazy else { throw SnapshotError.mustBeLazy(target: target, reason: reason) }
            // The client can ask for the reason, and it is gone with the active snapshot.
            let reason = String(reason.prefix(LayerLabels.maximumReasonLength))
            return try await create(.active, key, parent: parent, labels: labels.merging([LayerLabels.notLazy: reason]) { $1 }, isWanted)
        }
    }

    /// Makes a read-only look at a committed parent, or at nothing; `isWanted` as in `prepare`.
    public func view(
        _ key: String, parent: String = "", labels: [String: String] = [:], isWanted: @Sendable () -> Bool = { true }
    ) async throws -> [SnapshotMount] {
        try await create(.view, key, parent: parent, labels: labels, isWanted)
    }

    /// The mounts of an active snapshot or view.
    ///
    /// - Throws: `layerUnavailable` when a lazy layer below could not be mounted; the next call tries again.
    public func mounts(_ key: String) async throws -> [SnapshotMount] {
        let chain = try metadata.look { try $0.chain(from: $0.requireSnapshot(named: key).id) }
        let record = chain[0]
        guard record.info.kind != .committed else { throw SnapshotError.wrongKind(name: key, kind: .committed, call: "Mounts") }
        let own = try directory(of: record)
        let ids = try SnapshotIDs(labels: record.info.labels)
        let lowers = try await mapped(lowerDirectories(of: Array(chain.dropFirst()), for: key), of: record.id, ids)
        return overlay.mounts(kind: record.info.kind, upper: own, work: directories.work(record.id), lowers: lowers)
    }

    private func create(
        _ kind: SnapshotKind, _ key: String, parent: String, labels: [String: String], _ isWanted: @Sendable () -> Bool
    ) async throws -> [SnapshotMount] {
        guard !key.isEmpty else { throw SnapshotError.invalidArgument("a snapshot needs a key") }
        let ids = try SnapshotIDs(labels: labels)
        let chain = try metadata.look { graph in
            let parent = try graph.requireParent(parent)
            try graph.requireFree(key)
            return graph.chain(from: parent)
        }
        let lowers = try await lowerDirectories(of: chain, for: key)
        // A client that has gone would not learn of the snapshot, and nobody would remove it.
        guard isWanted() else { throw CancellationError() }
        let new = NewSnapshot(name: key, parentID: chain.first?.id, kind: kind, labels: labels)
        let id = try await add(new, parentName: parent, parentDirectory: lowers.first, ids: ids)
        let shown: [String]
        do {
            shown = try await mapped(lowers, of: id, ids)
        } catch {
            // What fails here is the client's to remove, who gets the first error.
            try? await remove(key)
            throw error
        }
        return overlay.mounts(kind: kind, upper: directories.files(id), work: directories.work(id), lowers: shown)
    }

    /// The lower directories as a user namespace is to see them. The upper one needs none of that: what is written in the namespace has the host's
    /// ids from the start.
    private func mapped(_ lowers: [String], of id: Int64, _ ids: SnapshotIDs?) async throws -> [String] {
        guard let ids else { return lowers }
        return try await quickWork.run { [directories] in try directories.map(lowers, of: id, as: ids) }
    }

    /// Makes the directory, then the row; after a failure neither is there.
    ///
    /// - Parameters:
    ///   - parentDirectory: whose attributes the snapshot's root takes over.
    ///   - ids: whose root owns the snapshot's; nil for the parent's owner.
    private func add(
        _ new: NewSnapshot, parentName: String, parentDirectory: String?, ids: SnapshotIDs?
    ) async throws -> Int64 {
        let temporary = try await quickWork.run { [directories] in
            var attributes = try parentDirectory.map(directories.attributes(of:))
            if let ids { attributes = .init(owner: ids.root.user, group: ids.root.group, mode: attributes?.mode ?? 0o755) }
            return try directories.createTemporary(kind: new.kind, attributes: attributes)
        }
        do {
            return try await metadata.write { [directories] transaction in
                try Self.requireSame(parentName, new, transaction.graph)
                let id = try transaction.insert(new, parentName: parentName)
                try directories.adopt(temporary, as: id)
                return id
            }
        } catch {
            directories.discard(temporary)
            throw error
        }
    }

    /// Adds a lazy layer's row and its directory, which never holds anything; after a failure there is no row.
    ///
    /// - Parameter new: named as its target.
    /// - Throws: `targetExists` when the target is there by now.
    func addLayer(_ new: NewSnapshot, parentName: String) async throws {
        try await metadata.write { [directories] transaction in
            try Self.requireSame(parentName, new, transaction.graph)
            guard !transaction.graph.hasSnapshot(forTarget: new.name, parentID: new.parentID) else {
                throw SnapshotError.targetExists(new.name)
            }
            var new = new
            // The name may be taken by the same chain on another parent (see `hasSnapshot(forTarget:parentID:)`).
            if transaction.graph.hasSnapshot(named: new.name) { new.name += "@\(new.parentID ?? 0)" }
            try directories.createEmpty(transaction.insert(new, parentName: parentName))
        }
    }

    /// The parent may have been removed since it was looked up.
    private static func requireSame(_ parentName: String, _ new: NewSnapshot, _ graph: SnapshotGraph) throws {
        guard try graph.requireParent(parentName) == new.parentID else { throw SnapshotError.notFound(parentName) }
    }

    /// The lower directories that show a chain, topmost first: a snapshot's own one, or where the lazy layers that follow each other are mounted.
    private func lowerDirectories(of chain: [SnapshotRecord], for key: String) async throws -> [String] {
        let requests = chain.compactMap(\.request)
        do {
            if !requests.isEmpty { try await table.mountAll(requests) }
        } catch let failure as LayerFailure {
            throw SnapshotError.layerUnavailable(snapshot: key, layer: failure.digest, reason: failure.reason)
        }
        var lowers: [String] = []
        var rest = chain[...]
        while let record = rest.first {
            let run = rest.prefix { $0.request != nil }
            guard !run.isEmpty else {
                lowers.append(try directory(of: record))
                rest.removeFirst()
                continue
            }
            rest = rest.dropFirst(run.count)
            let layers = run.compactMap { $0.request?.digest }
            do {
                lowers += try await lazyLayers.lowerDirectories(of: layers.reversed(), keepsWhiteouts: !rest.isEmpty)
            } catch {
                throw SnapshotError.layerUnavailable(snapshot: key, layer: layers[0], reason: "\(error)")
            }
        }
        return lowers
    }

    private func directory(of record: SnapshotRecord) throws -> String {
        let path = directories.files(record.id)
        guard access(path, F_OK) == 0 else { throw SnapshotError.directoryMissing(snapshot: record.info.name, path: path) }
        return path
    }
}
