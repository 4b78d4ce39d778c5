internal import ContainerdAPI
internal import Digests
internal import HostSystem
internal import OCI

// Layers, lowest first: each stands on the one before.
extension ContainerdPull {
    func unpack(_ image: ResolvedImage, in containerd: Containerd) async throws -> [LayerReport] {
        var reports: [LayerReport] = []
        for index in image.manifest.layers.indices {
            let layer = image.manifest.layers[index]
            let outcome = try await unpack(index, of: image, in: containerd)
            reports.append(LayerReport(digest: layer.digest, size: layer.size, outcome: outcome))
            report(reports[index])
        }
        return reports
    }

    private func unpack(_ index: Int, of image: ResolvedImage, in containerd: Containerd) async throws -> LayerReport.Outcome {
        let name = "\(image.chainIDs[index])"
        if try await containerd.snapshotLabels(name) != nil { return .present }
        let key = "extract-\(RandomName.make()) \(name)"
        let labels = SnapshotLabels.labels(reference: reference, layers: image.manifest.layers, index: index, target: name)
        let parent = index == 0 ? "" : "\(image.chainIDs[index - 1])"
        guard let mounts = try await containerd.prepare(key, parent: parent, labels: labels) else {
            let isLazy = try await containerd.snapshotLabels(name)?[SnapshotLabels.remote] != nil
            return isLazy ? .lazy : .present
        }
        do {
            let reason = try await containerd.snapshotLabels(key)?[SnapshotLabels.notLazy]
            try await pull(image.manifest.layers[index], diffID: image.diffIDs[index], into: mounts, in: containerd)
            try await containerd.commit(key, as: name, labels: labels)
            return .pulled(reason: reason ?? "the snapshotter \(options.snapshotter) did not take it")
        } catch {
            // In a task of its own: a cancelled pull clears up, too.
            await Task { await containerd.remove(key) }.value
            throw error
        }
    }

    /// Downloads a layer and unpacks it into mounts.
    private func pull(_ layer: Descriptor, diffID: Digest, into mounts: [Containerd_Types_Mount], in containerd: Containerd) async throws {
        let labels = try await originLabels(of: layer.digest, in: containerd)
        try await containerd.put(layer, labels: labels) { [source] in try await source.blob(layer) }
        let applied = try await containerd.apply(layer, to: mounts)
        guard applied == "\(diffID)" else {
            throw ContainerdError.wrongDiffID(layer: layer.digest, expected: diffID, actual: applied)
        }
        try await containerd.setLabels(["containerd.io/uncompressed": "\(diffID)"], of: layer.digest)
    }
}
