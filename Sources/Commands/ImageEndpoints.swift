import Daemons
import OCI
import Registry

/// Where an image comes from and where it goes, by name.
struct ImageEndpoints: Sendable {
    let from: ImageName
    let to: ImageName
    let client: RegistryClient
    let containerd: ContainerdOptions

    /// Opens both for the time of `body`; a connection to containerd is only made when one of them is there.
    func open<Value: Sendable>(
        _ body: @escaping @Sendable (any ImageSource, any ImageDestination) async throws -> Value
    ) async throws -> Value {
        guard from.isInContainerd || to.isInContainerd else { return try await body(from.source(client, nil), destination(nil)) }
        return try await DaemonProgram.current.withImages(containerd) { images in
            try await body(from.source(client, images), destination(images))
        }
    }

    private func destination(_ images: (any DaemonImages)?) throws -> any ImageDestination {
        switch to {
        case .registry(let reference):
            // What is being copied may be near.
            if case .registry(let other) = from { return RegistryDestination(client: client, reference: reference, origin: other) }
            return RegistryDestination(client: client, reference: reference)
        case .layout(let directory, let tag): return OCILayoutDestination(directory: directory, tag: tag)
        case .archive(let file, let tag): return ArchiveDestination(oci: file, tag: tag)
        case .dockerArchive(let file, nil): return ArchiveDestination(docker: file, tag: nil)
        case .dockerArchive(let file, .tagged(let reference)?): return ArchiveDestination(docker: file, tag: reference)
        case .dockerArchive(_, .position?): throw ImageNameError(text: "\(to)", reason: "a new archive has one image, give it a tag")
        case .containerd(let reference): return ImageName.opened(images).destination(reference)
        }
    }
}

extension ImageName {
    /// Opens the image for reading for the time of `body`.
    func withSource<Value: Sendable>(
        _ client: RegistryClient, _ containerd: ContainerdOptions, _ body: @escaping @Sendable (any ImageSource) async throws -> Value
    ) async throws -> Value {
        guard isInContainerd else { return try await body(source(client, nil)) }
        return try await DaemonProgram.current.withImages(containerd) { try await body(source(client, $0)) }
    }

    fileprivate func source(_ client: RegistryClient, _ images: (any DaemonImages)?) throws -> any ImageSource {
        switch self {
        case .registry(let reference): RegistrySource(client: client, reference: reference)
        case .layout(let directory, let tag): OCILayoutSource(directory: directory, tag: tag)
        case .archive(let file, let tag): try OCIArchiveSource(file: file, tag: tag)
        case .dockerArchive(let file, let image): try DockerArchiveSource(file: file, image: image)
        case .containerd(let reference): ImageName.opened(images).source(reference)
        }
    }

    fileprivate static func opened(_ images: (any DaemonImages)?) -> any DaemonImages {
        guard let images else { preconditionFailure("an image in containerd needs a connection") }
        return images
    }
}
