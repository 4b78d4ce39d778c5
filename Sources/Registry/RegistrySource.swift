public import OCI

/// An image in a registry, to be read.
public struct RegistrySource: ImageSource {
    private let client: RegistryClient
    private let reference: Reference

    /// The image of a reference.
    public init(client: RegistryClient, reference: Reference) {
        self.client = client
        self.reference = reference
    }

    /// The full reference.
    public var name: String { reference.description }

    /// What the reference names.
    public func root() async throws -> (Descriptor, [UInt8]) { try await client.resolve(reference) }

    /// A manifest of the same repository.
    public func document(_ descriptor: Descriptor) async throws -> [UInt8] { try await client.manifest(descriptor, of: reference) }

    /// A blob of the same repository.
    public func blob(_ descriptor: Descriptor) async throws -> any BlobStream {
        BlobPipe(client.blob(descriptor, of: reference), descriptor: descriptor, transport: client.transport)
    }

    /// A blob of the same repository in parts, by range requests.
    public func ranges(_ descriptor: Descriptor) async throws -> any BlobRanges { client.blob(descriptor, of: reference) }

    /// The same repository with a longer tag.
    public func companion(tagSuffix: String) throws -> any ImageSource {
        guard let tag = reference.tag else { throw NoCompanionError(name: name) }
        let other = Reference(registry: reference.registry, repository: reference.repository, tag: tag + tagSuffix)
        return RegistrySource(client: client, reference: other)
    }
}
