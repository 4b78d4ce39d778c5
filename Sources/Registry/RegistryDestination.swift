internal import Digests
public import HostSystem
public import OCI

/// A place in a registry that an image is written to. Blobs first, then manifests by digest, the tag last: what is cut off leaves no tag.
public final class RegistryDestination: ImageDestination {
    private let client: RegistryClient
    private let reference: Reference
    /// Where blobs may already be in the same registry, for mounting across repositories.
    private let origin: Reference?

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
        let head = try await send(HTTPRequest("POST", "\(reference.repository)/blobs/uploads/"), what: reference.name, accept: [202])
        guard let location = head["location"] else { return }
        let endpoint = try endpoint()
        let request = HTTPRequest("DELETE", URLText.resolve(location, against: client.base(endpoint) + "/"))
        // Some registries cannot cancel; what is left there they expire by themselves.
        _ = try? await client.collect(endpoint, request, scope: scope)
    }

    /// Whether the repository has the blob.
    public func hasBlob(_ descriptor: Descriptor) async throws -> Bool {
        let request = HTTPRequest("HEAD", "\(reference.repository)/blobs/\(descriptor.digest)")
        let absent: Set<Int> = [400, 401, 403, 404, 405, 501]
        return try await send(request, what: "blob \(descriptor.digest) of \(reference.name)", accept: absent.union([200])).status == 200
    }

    /// Uploads a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await upload(descriptor, .bytes(bytes))
    }

    /// Uploads a blob from a file; an upload that is cut goes on where the registry says.
    public func putBlob(_ descriptor: Descriptor, file: TemporaryFile) async throws {
        try await upload(descriptor, .file(file.content, 0..<descriptor.size))
    }

    /// Uploads a blob as it is read from another source.
    public func putBlob(_ descriptor: Descriptor, from stream: any BlobStream) async throws {
        defer { stream.cancel() }
        // The transport's thread must not wait for another transfer of its own: the blob goes through a file.
        let file = try TemporaryFile(in: Paths.spoolDirectory)
        try await file.append(from: stream)
        try await putBlob(descriptor, file: file)
    }

    private func upload(_ descriptor: Descriptor, _ body: HTTPRequest.Body) async throws {
        var upload = BlobUpload(
            descriptor, body, to: reference, at: try endpoint(), scope: scope, origin: origin?.repository, client: client)
        try await upload.run()
    }

    /// Stores a manifest under its digest.
    public func putDocument(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await put(descriptor, bytes, selector: descriptor.digest.description)
    }

    /// Stores the top manifest under the reference's tag, or its digest when there is no tag.
    public func tag(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await put(descriptor, bytes, selector: reference.tag ?? descriptor.digest.description)
    }

    private func put(_ descriptor: Descriptor, _ bytes: [UInt8], selector: String) async throws {
        let request = HTTPRequest(
            "PUT", "\(reference.repository)/manifests/\(selector)", headers: ["Content-Type": descriptor.mediaType], body: .bytes(bytes))
        _ = try await send(
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
