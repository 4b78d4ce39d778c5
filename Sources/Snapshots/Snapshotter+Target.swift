internal import Logging

/// What a client wants to exist: a committed snapshot for a chain ID, on a parent.
struct TargetKey: Hashable, Sendable {
    var target: String
    var parentID: Int64?
}

/// What became of a target.
enum TargetOutcome: Sendable {
    /// It is there; the client has nothing to do.
    case exists
    /// The client has to unpack the layer, because of the reason.
    case refused(String)
}

// Remote snapshots (contracts.md 2).
extension Snapshotter {
    /// Makes the target exist without the client's help, if that is possible.
    ///
    /// Equal calls at the same time do the work once. Nothing is locked while the network is asked.
    func prepareTarget(_ target: String, key: String, parent: String, labels: [String: String]) async throws -> TargetOutcome {
        let parentID = try await metadata.read { try $0.requireParent(parent)?.id }
        if try await targetExists(target, on: parentID) { return .exists }
        return try await targets.run(TargetKey(target: target, parentID: parentID)) { [self] in
            if try await targetExists(target, on: parentID) { return .exists }
            let outcome = try await addLazy(target, parent: parent, parentID: parentID, labels: labels)
            report(outcome, target: target, key: key, parent: parent)
            return outcome
        }
    }

    private func targetExists(_ target: String, on parentID: Int64?) async throws -> Bool {
        try await metadata.read { try $0.snapshot(forTarget: target, parentID: parentID) != nil }
    }

    private func addLazy(
        _ target: String, parent: String, parentID: Int64?, labels: [String: String]
    ) async throws -> TargetOutcome {
        let request: LazyLayerRequest
        do {
            request = try LayerLabels.request(from: labels)
            try await table.acquire(request)
        } catch {
            return .refused("\(error)")
        }
        do {
            var labels = labels
            labels[LayerLabels.remote] = LayerLabels.remoteValue
            // The name may be taken by the same chain on another parent (see `snapshot(forTarget:parentID:)`).
            let isTaken = try await metadata.read { try $0.snapshot(named: target) != nil }
            let name = isTaken ? "\(target)@\(parentID ?? 0)" : target
            let new = NewSnapshot(name: name, parentID: parentID, kind: .committed, labels: labels, request: request)
            _ = try await add(new, parentName: parent, parentDirectory: nil)
            return .exists
        } catch {
            await table.release(request.digest)
            throw error
        }
    }

    /// One line per layer. The key `remote-snapshot-prepared` is what scripts written for stargz-snapshotter read.
    private func report(_ outcome: TargetOutcome, target: String, key: String, parent: String) {
        var facts: Logger.Metadata = ["key": "\(key)", "parent": "\(parent)", "target": "\(target)"]
        switch outcome {
        case .exists:
            facts["remote-snapshot-prepared"] = "true"
            log.info("layer is lazy", metadata: facts)
        case .refused(let reason):
            facts["remote-snapshot-prepared"] = "false"
            facts["reason"] = "\(reason)"
            log.warning("layer cannot be lazy, the client unpacks it", metadata: facts)
        }
    }
}
