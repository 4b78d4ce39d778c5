internal import Daemons
internal import OCI

/// An image in containerd: its record leads to the documents, and all bytes come from the content store.
struct ContainerdSource: ImageSource {
    let containerd: Containerd
    let reference: Reference

    var name: String { ImageName.containerd(reference).description }

    func root() async throws -> (Descriptor, [UInt8]) {
        guard let target = try await containerd.target(of: reference.description) else {
            throw ContainerdError.noImage(name: reference.description, namespace: containerd.options.namespace)
        }
        return (target, try await document(target))
    }

    func document(_ descriptor: Descriptor) async throws -> [UInt8] { try await smallBlob(descriptor) }

    func blob(_ descriptor: Descriptor) async throws -> any BlobStream {
        // The layers of lazy snapshots, and the images for other platforms, are not in the store.
        guard try await containerd.labels(of: descriptor.digest) != nil else {
            throw ContainerdError.missingContent(descriptor.digest, image: reference.description)
        }
        return ContentPipe(descriptor, in: containerd)
    }

    func companion(tagSuffix: String) throws -> any ImageSource {
        guard let tag = reference.tag else { throw NoCompanionError(name: name) }
        let companion = Reference(registry: reference.registry, repository: reference.repository, tag: tag + tagSuffix)
        return ContainerdSource(containerd: containerd, reference: companion)
    }
}
