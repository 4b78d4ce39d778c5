public import Digests
public import OCI
internal import StartTrace

// Referrers of a manifest: what names it as its subject (OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema").
extension RegistryClient {
    /// The artifacts of a type that refer to a manifest, oldest first where the registry keeps an order.
    ///
    /// A registry that does not know the request may have a tag in its place, which whoever pushes an artifact keeps up to date.
    ///
    /// - Throws: `RegistryError`; that there are none is no error.
    public func referrers(
        of manifest: Digest, in reference: Reference, artifactType: String
    ) async throws(RegistryError) -> [Descriptor] {
        var listed = try await referrerIndex(of: manifest, in: reference, artifactType)
        if listed == nil { listed = try await taggedIndex(of: manifest, in: reference) }
        return (listed?.manifests ?? []).filter { $0.artifactType == artifactType }
    }

    /// What the registry says itself; nil when it does not know the request.
    private func referrerIndex(
        of manifest: Digest, in reference: Reference, _ type: String
    ) async throws(RegistryError) -> Index? {
        let path = "\(reference.repository)/referrers/\(manifest)"
        return try await index(at: URLText.adding("artifactType", type, to: path), of: manifest, in: reference)
    }

    /// The list that a tag named like the manifest's digest keeps; nil when there is none.
    func taggedIndex(of manifest: Digest, in reference: Reference) async throws(RegistryError) -> Index? {
        try await index(
            at: "\(reference.repository)/manifests/\(RegistryClient.referrersTag(of: manifest))", of: manifest, in: reference)
    }

    /// `sha256-<hex>`.
    static func referrersTag(of manifest: Digest) -> String { "sha256-" + manifest.hex }

    private func index(at path: String, of manifest: Digest, in reference: Reference) async throws(RegistryError) -> Index? {
        let what = "referrers of \(manifest)"
        return try await rounds(endpoints(reference.registry, for: .resolve)) {
            [self] endpoint, retryAfter throws(RegistryError) -> Index? in
            var request = HTTPRequest("GET", path, headers: ["Accept": MediaType.index])
            (request.kind, request.subject) = (.referrers, reference.manifestSelector)
            let (head, bytes) = try await collect(endpoint, request, scope: "repository:\(reference.repository):pull")
            // A registry of before 1.1 may say that it does not allow or support what it does not know.
            guard ![400, 404, 405, 501].contains(head.status) else { return nil }
            if let error = RegistryClient.error(head, bytes, registry: endpoint.name, what: what) {
                retryAfter = head["retry-after"]
                throw error
            }
            do {
                return try Documents.decode(Index.self, from: bytes, what: what)
            } catch {
                throw .badAnswer(host: endpoint.name, what: what, reason: "\(error)")
            }
        }
    }
}
