internal import Digests
internal import OCI

// The documents, with the labels that let containerd's garbage collector walk from the image record to everything below.
extension ContainerdPull {
    func store(_ image: ResolvedImage, in containerd: Containerd) async throws {
        let config = image.manifest.config
        try await containerd.put(config, bytes: image.configBytes, labels: try await originLabels(of: config.digest, in: containerd))
        var manifestLabels = try await originLabels(of: image.manifestDescriptor.digest, in: containerd)
        manifestLabels.merge(ReferenceLabels.labels(of: image.manifest)) { $1 }
        try await containerd.put(image.manifestDescriptor, bytes: image.manifestBytes, labels: manifestLabels)
        if let index = image.index {
            var labels = try await originLabels(of: image.target.digest, in: containerd)
            labels.merge(ReferenceLabels.labels(ofIndexWith: [image.manifestDescriptor])) { $1 }
            try await containerd.put(image.target, bytes: index, labels: labels)
        }
    }

    /// Where content comes from: `containerd.io/distribution.source.<registry>` = repositories, comma separated. A push to the same
    /// registry can then mount the blob instead of uploading it.
    func originLabels(of digest: Digest, in containerd: Containerd) async throws -> [String: String] {
        let key = "containerd.io/distribution.source.\(reference.registry)"
        let known = try await containerd.labels(of: digest)?[key] ?? ""
        return [key: OriginLabel.adding(reference.repository, to: known)]
    }
}

/// The value of a distribution source label.
enum OriginLabel {
    /// Adds a repository, keeping the list sorted and without doubles, as containerd does.
    static func adding(_ repository: String, to known: String) -> String {
        Set(known.split(separator: ",").map(String.init) + [repository]).sorted().joined(separator: ",")
    }
}
