public import Daemons
internal import OCI

/// Pulls an image into containerd the way a client of a lazy snapshotter must: metadata is downloaded, layers only where they have to be.
///
///     lease ─▶ index, manifest, config ─▶ content store (labels keep the garbage collector away)
///           ─▶ per layer: Prepare with the labels that name it ─▶ ALREADY_EXISTS: lazy, nothing to download
///                                                             └▶ mounts: download the blob, Apply, Commit
///           ─▶ image record ─▶ lease deleted
///
/// The image record is the last step: after a failure there is none, and what was stored is containerd's to collect.
/// This room speaks containerd's API only; where the image comes from is the `ImageSource`'s business.
public struct ContainerdPull: Sendable {
    let reference: Reference
    let source: any ImageSource
    let options: ContainerdOptions
    let wishes: PullWishes
    let report: @Sendable (PullEvent) -> Void

    /// Prepares a pull.
    public init(_ order: PullOrder) {
        reference = order.reference
        source = order.source
        options = order.options
        wishes = order.wishes
        report = order.report
    }

    /// Pulls. Throws a `ContainerdError`, or what the source throws.
    public func run() async throws -> PullResult {
        try await Containerd.connect(options) { containerd in
            try await containerd.checkVersion()
            let resolved = try await ResolvedImage(source: source, platforms: wishes.platforms)
            return try await containerd.withLease { containerd in
                try await store(resolved, in: containerd)
                var layers: [LayerReport] = []
                for image in resolved.images {
                    layers += try await unpack(image, in: containerd)
                    try await containerd.setLabels(
                        ["containerd.io/gc.ref.snapshot.\(options.snapshotter)": "\(image.chainID)"], of: image.manifest.config.digest)
                }
                try await containerd.record(name: reference.description, target: resolved.target, labels: wishes.labels)
                return PullResult(target: resolved.target, layers: layers)
            }
        }
    }

    /// Makes the image whole that containerd has under the reference: blobs that its content store lacks, because their layers are lazy or for
    /// another platform, are fetched from the source, byte for byte, so that containerd can export or push it. Snapshots stay as they are.
    ///
    /// - Throws: `ContainerdError.noImage`, another `ContainerdError`, or what the source throws.
    public func materialize() async throws -> PullResult {
        try await Containerd.connect(options) { containerd in
            try await containerd.checkVersion()
            return try await containerd.withLease { containerd in
                guard let target = try await containerd.target(of: reference.description) else {
                    throw ContainerdError.noImage(name: reference.description, namespace: options.namespace)
                }
                let stored = ContainerdSource(containerd: containerd, reference: reference)
                let documents = BackedSource(target: target, front: stored, back: source)
                let resolved = try await ResolvedImage(source: documents, platforms: wishes.platforms)
                try await store(resolved, in: containerd)
                var layers: [LayerReport] = []
                for image in resolved.images { layers += try await fetchLayers(of: image, in: containerd) }
                return PullResult(target: target, layers: layers)
            }
        }
    }

    private func fetchLayers(of image: PlatformImageDocuments, in containerd: Containerd) async throws -> [LayerReport] {
        var reports: [LayerReport] = []
        for (index, layer) in image.manifest.layers.enumerated() {
            let name = LayerName(index: index, of: image.manifest)
            report(.started(name, size: layer.size))
            let wasThere = try await fetch(layer, in: containerd) { [report] in report(.progress(name, bytes: $0)) }
            reports.append(LayerReport(digest: layer.digest, size: layer.size, outcome: wasThere ? .present : .fetched))
            report(.finished(name, reports[index]))
        }
        return reports
    }
}
