internal import Digests
internal import OCI

/// An image of which a part is near and all is far away. What it is, the near side says: a tag may mean another image by now where it came from.
struct BackedSource: ImageSource {
    /// The image's top document.
    let target: Descriptor
    let front: ContainerdSource
    let back: any ImageSource

    var name: String { front.name }

    func root() async throws -> (Descriptor, [UInt8]) { (target, try await document(target)) }

    func document(_ descriptor: Descriptor) async throws -> [UInt8] {
        try await isNear(descriptor) ? front.document(descriptor) : back.document(descriptor)
    }

    func blob(_ descriptor: Descriptor) async throws -> any BlobStream {
        try await isNear(descriptor) ? front.blob(descriptor) : back.blob(descriptor)
    }

    private func isNear(_ descriptor: Descriptor) async throws -> Bool {
        try await front.containerd.labels(of: descriptor.digest) != nil
    }

    func companion(tagSuffix: String) throws -> any ImageSource { try front.companion(tagSuffix: tagSuffix) }
}
