internal import Digests
public import OCI
internal import StartTrace

extension RegistryClient {
    private static let accepted = [
        MediaType.index, MediaType.manifest, MediaType.dockerIndex, MediaType.dockerManifest,
    ].joined(separator: ", ")

    /// Asks what a reference names: the descriptor and bytes of a manifest or index, the digest verified.
    ///
    /// - Throws: `RegistryError`.
    public func resolve(_ reference: Reference) async throws(RegistryError) -> (Descriptor, [UInt8]) {
        // What a tag names is a matter of trust; what a digest names is not.
        let hosts = try endpoints(reference.registry, for: reference.digest == nil ? .resolve : .pull)
        return try await rounds(hosts) { [self] endpoint, retryAfter throws(RegistryError) in
            let (head, bytes) = try await document(
                reference.manifestSelector, reference, from: endpoint, what: reference.description, &retryAfter)
            let digest = Digest.sha256(bytes)
            let promised = reference.digest?.description ?? head["docker-content-digest"]
            if let promised, promised.hasPrefix("sha256:"), promised != digest.description {
                guard let expected = try? Digest(parsing: promised) else {
                    throw .badAnswer(host: endpoint.name, what: reference.description, reason: "a malformed Docker-Content-Digest")
                }
                throw .digestMismatch(what: "manifest of \(reference)", expected: expected, actual: digest)
            }
            let type = try mediaType(head, bytes, reference, from: endpoint)
            return (Descriptor(mediaType: type, digest: digest, size: Int64(bytes.count)), bytes)
        }
    }

    /// A manifest or index by its descriptor, verified.
    ///
    /// - Throws: `RegistryError`.
    public func manifest(_ descriptor: Descriptor, of reference: Reference) async throws(RegistryError) -> [UInt8] {
        try await rounds(endpoints(reference.registry, for: .pull)) { [self] endpoint, retryAfter throws(RegistryError) in
            let (_, bytes) = try await document(
                descriptor.digest.description, reference, from: endpoint, what: "\(reference.name)@\(descriptor.digest)", &retryAfter)
            let actual = Digest.sha256(bytes)
            guard actual == descriptor.digest else {
                throw .digestMismatch(what: "manifest of \(reference)", expected: descriptor.digest, actual: actual)
            }
            return bytes
        }
    }

    private func document(
        _ selector: String, _ reference: Reference, from endpoint: Endpoint, what: String, _ retryAfter: inout String?
    ) async throws(RegistryError) -> (HTTPHead, [UInt8]) {
        var request = HTTPRequest("GET", "\(reference.repository)/manifests/\(selector)", headers: ["Accept": RegistryClient.accepted])
        (request.kind, request.subject) = (.manifest, selector)
        let (head, bytes) = try await collect(endpoint, request, scope: "repository:\(reference.repository):pull")
        if let error = RegistryClient.error(head, bytes, registry: endpoint.name, what: what) {
            retryAfter = head["retry-after"]
            throw error
        }
        return (head, bytes)
    }

    // The header may be missing or general; the document's own field and its shape then tell.
    private func mediaType(
        _ head: HTTPHead, _ bytes: [UInt8], _ reference: Reference, from endpoint: Endpoint
    ) throws(RegistryError) -> String {
        let document: JSONValue
        do {
            document = try Documents.decode(JSONValue.self, from: bytes, what: "manifest")
        } catch {
            throw .badAnswer(host: endpoint.name, what: reference.description, reason: error.description)
        }
        let header = head["content-type"]?.split(separator: ";").first.map { $0.trimmingSpaces() }
        for type in [document["mediaType"]?.string, header] {
            if let type, MediaType.isIndex(type) || MediaType.isManifest(type) { return type }
        }
        if document["manifests"]?.array != nil { return MediaType.index }
        if document["config"] != nil, document["layers"]?.array != nil { return MediaType.manifest }
        throw .badAnswer(
            host: endpoint.name, what: reference.description,
            reason: "not an image manifest or index but \"\(document["mediaType"]?.string ?? header ?? "unknown")\"")
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
