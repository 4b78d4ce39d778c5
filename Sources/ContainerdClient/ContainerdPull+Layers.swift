internal import ContainerdAPI
internal import Daemons
internal import Digests
internal import HostSystem
internal import OCI

// Layers, lowest first: each stands on the one before.
extension ContainerdPull {
    func unpack(_ image: PlatformImageDocuments, in containerd: Containerd) async throws -> [LayerReport] {
        var reports: [LayerReport] = []
        for index in image.manifest.layers.indices {
            let (layer, name) = (image.manifest.layers[index], LayerName(index: index, of: image.manifest))
            report(.started(name, size: layer.size))
            let outcome = try await unpack(index, of: image, in: containerd)
            reports.append(LayerReport(digest: layer.digest, size: layer.size, outcome: outcome))
            report(.finished(name, reports[index]))
        }
        return reports
    }

    private func unpack(_ index: Int, of image: PlatformImageDocuments, in containerd: Containerd) async throws -> LayerReport.Outcome {
        let name = "\(image.chainIDs[index])"
        if let labels = try await containerd.snapshotLabels(name) {
            return labels[SnapshotLabels.remote] == nil ? .present : .lazy
        }
        let key = "extract-\(RandomName.make()) \(name)"
        let labels = SnapshotLabels.labels(reference: reference, layers: image.manifest.layers, index: index, target: name)
        let parent = index == 0 ? "" : "\(image.chainIDs[index - 1])"
        // A snapshotter that is not told which layer it is for can only have it unpacked.
        guard let mounts = try await containerd.prepare(key, parent: parent, labels: wishes.lazy == .never ? [:] : labels) else {
            let isLazy = try await containerd.snapshotLabels(name)?[SnapshotLabels.remote] != nil
            return isLazy ? .lazy : .present
        }
        do {
            let reason = try await self.reason(key, in: containerd)
            guard wishes.lazy != .require else {
                throw ContainerdError.notLazy(layer: image.manifest.layers[index].digest, reason: reason)
            }
            try await pull(index, of: image, into: mounts, in: containerd)
            try await containerd.commit(key, as: name, labels: labels)
            return .pulled(reason: reason)
        } catch {
            // In a task of its own: a cancelled pull clears up, too.
            await Task { await containerd.remove(key) }.value
            throw error
        }
    }

    /// Why an active snapshot is to be unpacked.
    private func reason(_ key: String, in containerd: Containerd) async throws -> String {
        guard wishes.lazy != .never else { return "as it was asked for" }
        return try await containerd.snapshotLabels(key)?[SnapshotLabels.notLazy] ?? "the snapshotter \(options.snapshotter) did not take it"
    }

    /// Downloads a layer and unpacks it into mounts.
    private func pull(
        _ index: Int, of image: PlatformImageDocuments, into mounts: [Containerd_Types_Mount], in containerd: Containerd
    ) async throws {
        let (layer, diffID) = (image.manifest.layers[index], image.diffIDs[index])
        let name = LayerName(index: index, of: image.manifest)
        try await fetch(layer, in: containerd) { [report] in report(.progress(name, bytes: $0)) }
        let applied = try await containerd.apply(layer, to: mounts)
        guard applied == "\(diffID)" else {
            throw ContainerdError.wrongDiffID(layer: layer.digest, expected: diffID, actual: applied)
        }
        try await containerd.setLabels(["containerd.io/uncompressed": "\(diffID)"], of: layer.digest)
    }

    /// Brings a layer's blob into the content store; says whether it was there.
    ///
    /// - Parameter progress: gets the bytes read so far.
    @discardableResult
    func fetch(_ layer: Descriptor, in containerd: Containerd, progress: @escaping @Sendable (Int64) -> Void) async throws -> Bool {
        let labels = try await originLabels(of: layer.digest, in: containerd)
        return try await containerd.put(layer, labels: labels) { [source] in
            WatchedStream(try await source.blob(layer), report: progress)
        }
    }
}
