internal import Digests
internal import OCI

// The documents, with the labels that let containerd's garbage collector walk from the image record to everything below.
extension ContainerdPull {
    func store(_ resolved: ResolvedImage, in containerd: Containerd) async throws {
        for image in resolved.images {
            let config = image.manifest.config
            try await containerd.put(config, bytes: image.configBytes, labels: try await originLabels(of: config.digest, in: containerd))
            var labels = try await originLabels(of: image.descriptor.digest, in: containerd)
            labels.merge(ReferenceLabels.labels(of: image.manifest)) { $1 }
            try await containerd.put(image.descriptor, bytes: image.bytes, labels: labels)
        }
        if let index = resolved.index {
            var labels = try await originLabels(of: resolved.target.digest, in: containerd)
            labels.merge(ReferenceLabels.labels(ofIndexWith: resolved.images.map(\.descriptor))) { $1 }
            try await containerd.put(resolved.target, bytes: index, labels: labels)
        }
    }

    func originLabels(of digest: Digest, in containerd: Containerd) async throws -> [String: String] {
        try await OriginLabel.labels(of: digest, from: reference, in: containerd)
    }
}
