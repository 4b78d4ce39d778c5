internal import Logging
internal import OCI
internal import Synchronization

/// What a client wants to exist: a committed snapshot for a chain ID, on a parent.
struct TargetKey: Hashable, Sendable {
    var target: String
    var parentID: Int64?
    /// Who is asked for its layer: what one registry keeps waiting another may have.
    var registry: String
}

/// What became of a target.
enum TargetOutcome: Sendable {
    /// It is there; the client has nothing to do.
    case exists
    /// The client has to unpack the layer, because of the reason; `isChosen` when it could be lazy and is not meant to be.
    case refused(String, isChosen: Bool)
}

// Remote snapshots (contracts.md 2).
extension Snapshotter {
    /// Makes the target exist without the client's help, if that is possible.
    ///
    /// Equal calls at the same time do the work once, for each registry. Nothing is locked while the network is asked.
    func prepareTarget(_ target: String, key: String, parent: String, labels: [String: String]) async throws -> TargetOutcome {
        let (parentID, isThere) = try metadata.look { graph in
            let parentID = try graph.requireParent(parent)
            return (parentID, graph.hasSnapshot(forTarget: target, parentID: parentID))
        }
        if isThere { return .exists }
        let request: LazyLayerRequest
        do {
            request = try LayerLabels.request(from: labels)
        } catch {
            await lazyLayers.noteUnnamed(target, reason: "\(error)")
            let outcome = TargetOutcome.refused("\(error)", isChosen: false)
            report(outcome, target: target, key: key, parent: parent)
            return outcome
        }
        let flight = TargetKey(target: target, parentID: parentID, registry: request.reference.registry)
        return try await targets.run(flight) { [self] in
            let outcome = try await addLazy(target, request, parent: parent, parentID: parentID, labels: labels)
            report(outcome, target: target, key: key, parent: parent)
            return outcome
        }
    }

    private func addLazy(
        _ target: String, _ request: LazyLayerRequest, parent: String, parentID: Int64?, labels: [String: String]
    ) async throws -> TargetOutcome {
        if let reason = await refusal(of: request) { return .refused(reason, isChosen: true) }
        do {
            try await table.acquire(request)
        } catch let over as LayerTable.Over {
            throw SnapshotError.layerUnavailable(snapshot: target, layer: request.digest, reason: "\(over)")
        } catch {
            return .refused("\(error)", isChosen: false)
        }
        if let reason = await refusal(of: request) {
            await table.release(request.digest)
            return .refused(reason, isChosen: true)
        }
        do {
            var labels = labels
            labels[LayerLabels.remote] = LayerLabels.remoteValue
            let new = NewSnapshot(
                name: target, parentID: parentID, kind: .committed, labels: labels, request: request.withoutSiblings)
            try await addLayer(new, parentName: parent)
            return .exists
        } catch SnapshotError.targetExists {
            // With the help of another registry, or of a call that ended just before this one began.
            await table.release(request.digest)
            return .exists
        } catch {
            await table.release(request.digest)
            throw error
        }
    }

    private func refusal(of request: LazyLayerRequest) async -> String? {
        do {
            try await lazyLayers.admit(request)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// One line per layer, and one for each reason why a layer is not lazy, however often it is asked for. The key
    /// `remote-snapshot-prepared` is what scripts written for stargz-snapshotter read.
    private func report(_ outcome: TargetOutcome, target: String, key: String, parent: String) {
        var facts: Logger.Metadata = ["key": "\(key)", "parent": "\(parent)", "target": "\(target)"]
        switch outcome {
        case .exists:
            facts["remote-snapshot-prepared"] = "true"
            log.info("layer is lazy", metadata: facts)
        case .refused(let reason, let isChosen):
            facts["remote-snapshot-prepared"] = "false"
            facts["reason"] = "\(reason)"
            let isNew = reported.withLock { $0.insert("\(target) \(reason)") }
            let level: Logger.Level = isNew ? isChosen ? .info : .warning : .debug
            log.log(level: level, "layer is not lazy", metadata: facts)
        }
    }
}
