internal import Digests
internal import Glibc
public import OCI
internal import Synchronization

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
        let (head, body) = try await client.collect(reference.registry, request, scope: scope)
        guard accept.contains(head.status) else {
            throw RegistryClient.error(head, body, registry: reference.registry, what: what)
                ?? .badAnswer(host: reference.registry, what: what, reason: "status \(head.status)")
        }
        return head
    }

    /// Begins an upload and gives it up: whether we may write.
    public func check() async throws {
        let head = try await send(HTTPRequest("POST", "\(reference.repository)/blobs/uploads/"), what: reference.name, accept: [202])
        guard let location = head["location"] else { return }
        let request = HTTPRequest("DELETE", URLText.resolve(location, against: client.base(reference.registry) + "/"))
        // Some registries cannot cancel; what is left there they expire by themselves.
        _ = try? await client.collect(reference.registry, request, scope: scope)
    }

    /// Whether the repository has the blob.
    public func hasBlob(_ descriptor: Descriptor) async throws -> Bool {
        let request = HTTPRequest("HEAD", "\(reference.repository)/blobs/\(descriptor.digest)")
        let (head, _) = try await client.collect(reference.registry, request, scope: scope)
        return head.status == 200
    }

    /// Uploads a blob from memory.
    public func putBlob(_ descriptor: Descriptor, bytes: [UInt8]) async throws {
        try await upload(descriptor) { .bytes(bytes) }
    }

    /// Uploads a blob from a file; an upload that is cut is begun again.
    public func putBlob(_ descriptor: Descriptor, file: String) async throws {
        try await upload(descriptor) { .file(file, size: descriptor.size) }
    }

    /// Uploads a blob as it is read from another source.
    public func putBlob(_ descriptor: Descriptor, from stream: any BlobStream) async throws {
        defer { stream.cancel() }
        // The transport's thread must not wait for another transfer of its own: the blob goes through a file that is unlinked at once.
        let file = try SpoolFile()
        try await file.fill(from: stream)
        try await upload(descriptor) { .spool(file, size: descriptor.size) }
    }

    private func upload(_ descriptor: Descriptor, _ body: () -> HTTPRequest.Body) async throws {
        if try await hasBlob(descriptor) { return }
        let what = "blob \(descriptor.digest) of \(reference.name)"
        var attempt = 0
        while true {
            var path = "\(reference.repository)/blobs/uploads/"
            if let origin { path += "?mount=\(descriptor.digest)&from=\(URLText.escaped(origin.repository))" }
            let begun = try await send(HTTPRequest("POST", path), what: what, accept: [201, 202])
            if begun.status == 201 { return }
            guard let location = begun["location"] else {
                throw RegistryError.badAnswer(host: reference.registry, what: what, reason: "an upload without a Location")
            }
            let url = URLText.resolve(location, against: client.base(reference.registry) + "/")
            let request = HTTPRequest(
                "PUT", URLText.adding("digest", descriptor.digest.description, to: url),
                headers: ["Content-Type": "application/octet-stream"], body: body())
            do {
                // Sent once per upload: a body cannot be rewound, so a repetition begins a new upload.
                let answer = Mutex<[UInt8]>([])
                let (head, _) = try await client.exchange(reference.registry, request, scope: scope) { _, bytes in
                    answer.withLock { $0.append(contentsOf: bytes.prefix(4096)) }
                    return .more
                }
                if head.status == 201 || head.status == 204 { return }
                throw RegistryClient.error(head, answer.withLock { $0 }, registry: reference.registry, what: what)
                    ?? .badAnswer(host: reference.registry, what: what, reason: "status \(head.status)")
            } catch let error as RegistryError where error.isTransient && attempt < client.options.retries {
                await Backoff.wait(attempt, retryAfter: nil)
                attempt += 1
            }
        }
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
