public import Digests
public import OCI

/// A place in a registry that an image is written to. Blobs first, then manifests by digest, the tag last: what is cut off leaves no tag.
public final class RegistryDestination: ImageDestination {
    private let client: RegistryClient
    private let reference: Reference
    /// Where blobs may already be in the same registry, for mounting across repositories.
    private let origin: Reference?
    private let support = PieceSupport()

    /// The image that `reference` is to name.
    ///
    /// - Parameter origin: the image that is being copied; when it is in the same registry, its blobs are mounted and not uploaded.
    public init(client: RegistryClient, reference: Reference, origin: Reference? = nil) {
        self.client = client
        self.reference = reference
        self.origin = origin.flatMap { $0.registry == reference.registry && $0.repository != reference.repository ? $0 : nil }
    }

    /// The full reference.
    public var name: String { reference.description }

    private var scope: String {
        "repository:\(reference.repository):pull,push" + (origin.map { " repository:\($0.repository):pull" } ?? "")
    }

    private func send(_ request: HTTPRequest, what: String, accept: Set<Int>) async throws(RegistryError) -> HTTPHead {
        try await client.rounds([endpoint()]) { [self] endpoint, retryAfter throws(RegistryError) in
            let (head, body) = try await client.collect(endpoint, request, scope: scope)
            guard !accept.contains(head.status) else { return head }
            retryAfter = head["retry-after"]
            throw RegistryClient.error(head, body, registry: endpoint.name, what: what)
                ?? .badAnswer(host: endpoint.name, what: what, reason: "status \(head.status)")
        }
    }

    private func endpoint() throws(RegistryError) -> Endpoint { try client.pushEndpoint(reference.registry) }

    /// Begins an upload and gives it up: whether we may write.
    public func check() async throws {
        let upload = try upload()
        try await upload.begin()
        await upload.abandon()
    }

    /// A blob that waits in a file until its digest is known, and is sent in pieces; an upload that is cut goes on where the registry says.
    public func ingest(_ terms: IngestTerms) async throws -> any BlobIngest {
        StagedIngest(try upload(), pieceSize: client.options.uploadPieceSize, terms: terms)
    }

    /// Uploads a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        _ = try await upload().finish(descriptor, .bytes(bytes))
    }

    private func upload() throws -> BlobUpload {
        BlobUpload(
            to: reference, at: try endpoint(), scope: scope, origin: origin?.repository, support: support, client: client)
    }

    /// Stores a manifest under its digest.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await put(descriptor, bytes, selector: descriptor.digest.description)
    }

    /// Stores the top manifest under the reference's tag, or its digest when there is no tag.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await put(descriptor, bytes, selector: reference.tag ?? descriptor.digest.description)
    }

    /// Stores the manifest of an artifact that refers to another, and sees to it that it is found: where the registry does not list referrers
    /// itself, a tag does (OCI distribution specification 1.1, "Pushing Manifests with Subject").
    ///
    /// - Parameters:
    ///   - subject: digest of the manifest that it refers to.
    ///   - replaced: digests of artifacts that are to be found no more.
    /// - Throws: `RegistryError`.
    public func putReferrer(_ descriptor: Descriptor, bytes: [UInt8], of subject: Digest, replacing replaced: [Digest] = []) async throws {
        let head = try await put(descriptor, bytes, selector: descriptor.digest.description)
        guard head["oci-subject"] == nil else {
            for digest in replaced { try await delete(digest) }
            return
        }
        var index = try await client.taggedIndex(of: subject, in: reference) ?? Index(manifests: [])
        index.manifests.removeAll { $0.digest == descriptor.digest || replaced.contains($0.digest) }
        index.manifests.append(descriptor)
        let list = try Documents.encode(index)
        try await put(Descriptor(of: list, mediaType: MediaType.index), list, selector: RegistryClient.referrersTag(of: subject))
    }

    private func delete(_ manifest: Digest) async throws {
        _ = try await send(
            HTTPRequest("DELETE", "\(reference.repository)/manifests/\(manifest)"), what: "\(reference.name)@\(manifest)",
            accept: [200, 202, 404])
    }

    @discardableResult
    private func put(_ descriptor: Descriptor, _ bytes: [UInt8], selector: String) async throws -> HTTPHead {
        let request = HTTPRequest(
            "PUT", "\(reference.repository)/manifests/\(selector)", headers: ["Content-Type": descriptor.mediaType], body: .bytes(bytes))
        return try await send(
            request, what: selector == reference.tag ? "\(reference.name):\(selector)" : "\(reference.name)@\(selector)",
            accept: [200, 201, 202])
    }

    /// The same repository with a longer tag.
    public func companion(tagSuffix: String) throws -> any ImageDestination {
        guard let tag = reference.tag else { throw NoCompanionError(name: name) }
        return RegistryDestination(
            client: client, reference: Reference(registry: reference.registry, repository: reference.repository, tag: tag + tagSuffix))
    }

    /// Nothing to undo: untagged blobs are the registry's to collect.
    public func abandon() async {}
}
