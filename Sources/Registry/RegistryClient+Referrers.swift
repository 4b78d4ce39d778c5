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
        let path = "\(reference.repository)/referrers/\(manifest)?artifactType=\(RegistryClient.escaped(type))"
        return try await index(HTTPRequest("GET", path, headers: ["Accept": MediaType.index]), reference, what: "referrers of \(manifest)")
    }

    /// The list that a tag named like the manifest's digest keeps; nil when there is none.
    func taggedIndex(of manifest: Digest, in reference: Reference) async throws(RegistryError) -> Index? {
        let path = "\(reference.repository)/manifests/\(RegistryClient.referrersTag(of: manifest))"
        return try await index(HTTPRequest("GET", path, headers: ["Accept": MediaType.index]), reference, what: "referrers of \(manifest)")
    }

    /// `sha256-<hex>`.
    static func referrersTag(of manifest: Digest) -> String { "sha256-" + manifest.hex }

    private func index(_ request: HTTPRequest, _ reference: Reference, what: String) async throws(RegistryError) -> Index? {
        var traced = request
        (traced.kind, traced.subject) = (.referrers, reference.manifestSelector)
        let request = traced
        return try await rounds(endpoints(reference.registry, for: .resolve)) {
            [self] endpoint, retryAfter throws(RegistryError) -> Index? in
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

    private static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            let isPlain =
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-._~".utf8.contains(byte)
            result +=
                isPlain
                ? String(UnicodeScalar(byte))
                : "%" + String(byte >> 4, radix: 16, uppercase: true) + String(byte & 15, radix: 16, uppercase: true)
        }
    }
}
