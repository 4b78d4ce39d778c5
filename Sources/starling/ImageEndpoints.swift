import OCI
import Registry

extension ImageName {
    /// Opens the image for reading.
    func source(_ client: RegistryClient) throws -> any ImageSource {
        switch self {
        case .registry(let reference): RegistrySource(client: client, reference: reference)
        case .layout(let directory, let tag): OCILayoutSource(directory: directory, tag: tag)
        case .archive(let file, let tag): try OCIArchiveSource(file: file, tag: tag)
        }
    }

    /// Opens the image for writing.
    ///
    /// - Parameter origin: what is being copied; its blobs may be near.
    func destination(_ client: RegistryClient, origin: ImageName) -> any ImageDestination {
        switch self {
        case .registry(let reference):
            if case .registry(let other) = origin { return RegistryDestination(client: client, reference: reference, origin: other) }
            return RegistryDestination(client: client, reference: reference)
        case .layout(let directory, let tag): return OCILayoutDestination(directory: directory, tag: tag)
        case .archive(let file, let tag): return OCIArchiveDestination(file: file, tag: tag)
        }
    }
}
