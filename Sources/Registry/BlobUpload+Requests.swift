internal import Digests
internal import OCI

// The requests of an upload, one function each.
extension BlobUpload {
    private var what: String { descriptor.map { "blob \($0.digest) of \(reference.name)" } ?? reference.name }
    private var uploads: String { "\(reference.repository)/blobs/uploads/" }

    /// Whether the registry has a blob, or could take it over from the repository that is copied.
    func find(_ descriptor: Descriptor, _ attempt: inout Attempt) async throws(RegistryError) -> Bool {
        if try await has(descriptor, in: reference.repository, &attempt) { return true }
        absent = descriptor.digest
        guard let origin else { return false }
        // Where it cannot be taken over an upload begins instead, and one is enough.
        let hasBegun = location != nil
        if hasBegun, try await !has(descriptor, in: origin, &attempt) { return false }
        let query = "?mount=\(descriptor.digest)&from=\(URLText.escaped(origin))"
        let head = try await exchange(HTTPRequest("POST", uploads + query), accept: [201, 202], &attempt)
        if head.status == 201 { return true }
        if !hasBegun {
            try take(beginning: head)
        } else if let other = head["location"] {
            await delete(URLText.resolve(other, against: base))
        }
        return false
    }

    private func has(
        _ descriptor: Descriptor, in repository: String, _ attempt: inout Attempt
    ) async throws(RegistryError) -> Bool {
        let request = HTTPRequest("HEAD", "\(repository)/blobs/\(descriptor.digest)")
        let absent: Set<Int> = [400, 401, 403, 404, 405, 501]
        return try await exchange(request, accept: absent.union([200]), &attempt).status == 200
    }

    /// Begins an upload.
    func begin(_ attempt: inout Attempt) async throws(RegistryError) {
        try take(beginning: await exchange(HTTPRequest("POST", uploads), accept: [202], &attempt))
    }

    private func take(beginning head: HTTPHead) throws(RegistryError) {
        location = nil
        follow(head)
        guard location != nil else { throw .badAnswer(host: endpoint.name, what: what, reason: "an upload without a Location") }
        // `OCI-Chunk-Min-Length` is the distribution specification's.
        progress.begin(least: head["oci-chunk-min-length"].flatMap { Int64($0) })
        isUncertain = false
    }

    /// Asks what arrived. An upload that is not known any more is forgotten.
    func ask(of size: Int64, _ attempt: inout Attempt) async throws(RegistryError) {
        guard let url = location else { return }
        let (head, bytes) = try await client.collect(endpoint, HTTPRequest("GET", url), scope: scope)
        switch head.status {
        case 200, 204:
            follow(head)
            isUncertain = false
            if progress.take(head["range"], of: size) == nil { location = nil }
        case 429, 500...:
            attempt.retryAfter = head["retry-after"]
            throw error(head, bytes)
        // Docker's registry, too, says 404 when it has a part of a piece: it cannot go on within one.
        default: location = nil
        }
    }

    /// Sends a piece.
    ///
    /// - Returns: nil, or a line for the user when the registry takes no pieces; it has none of this upload then.
    func send(
        _ piece: Range<Int64>, _ body: HTTPRequest.Body, of size: Int64, _ attempt: inout Attempt
    ) async throws(RegistryError) -> String? {
        guard let url = location else { throw .interrupted(host: endpoint.name, reason: "the registry has forgotten the upload") }
        let headers = [
            "Content-Type": "application/octet-stream", "Content-Range": "\(piece.lowerBound)-\(piece.upperBound - 1)",
        ]
        isUncertain = true
        let (head, bytes) = try await client.collect(endpoint, HTTPRequest("PATCH", url, headers: headers, body: body), scope: scope)
        switch head.status {
        case 200...204:
            follow(head)
            isUncertain = false
            let before = progress.received
            let isNew = progress.take(head["range"] ?? "0-\(piece.upperBound - 1)", of: size)
            guard let isNew, progress.received > before else {
                throw .badAnswer(host: endpoint.name, what: what, reason: "an upload that does not move on")
            }
            if isNew { attempt.hasMovedOn = true }
            return nil
        case 404, 416:
            // Known to somebody else than we were told, or not at the place that we thought: the next attempt asks.
            throw .interrupted(host: endpoint.name, reason: "the registry has lost its place in an upload (\(head.status))")
        case 400, 405, 411, 413, 501:
            guard piece.lowerBound == 0 else { throw floor > 0 ? .lostUpload(host: endpoint.name) : error(head, bytes) }
            let refusal = "registry \(endpoint.name) takes no blobs in pieces (\(head.status))"
            support.refuse(refusal)
            isUncertain = false
            await abandon()
            return refusal
        default:
            attempt.retryAfter = head["retry-after"]
            throw error(head, bytes)
        }
    }

    /// Ends the upload: with the digest, and the whole blob when it does not go in pieces.
    func end(_ descriptor: Descriptor, _ body: HTTPRequest.Body, _ attempt: inout Attempt) async throws(RegistryError) {
        guard let url = location else { throw .badAnswer(host: endpoint.name, what: what, reason: "an upload without a Location") }
        let request = HTTPRequest(
            "PUT", URLText.adding("digest", descriptor.digest.description, to: url),
            headers: ["Content-Type": "application/octet-stream"], body: body)
        isUncertain = true
        // A body is sent once per upload: nobody could say what an upload holds whose only request was cut.
        if case .none = body {} else { location = nil }
        _ = try await exchange(request, accept: [201, 204], &attempt)
        location = nil
    }

    /// Some registries cannot cancel; what is left there they expire by themselves.
    func delete(_ url: String) async {
        _ = try? await client.collect(endpoint, HTTPRequest("DELETE", url), scope: scope)
    }

    private func exchange(_ request: HTTPRequest, accept: Set<Int>, _ attempt: inout Attempt) async throws(RegistryError) -> HTTPHead {
        let (head, bytes) = try await client.collect(endpoint, request, scope: scope)
        guard !accept.contains(head.status) else { return head }
        attempt.retryAfter = head["retry-after"]
        throw error(head, bytes)
    }

    private func error(_ head: HTTPHead, _ bytes: [UInt8]) -> RegistryError {
        RegistryClient.error(head, bytes, registry: endpoint.name, what: what)
            ?? .badAnswer(host: endpoint.name, what: what, reason: "status \(head.status)")
    }

    private var base: String { location ?? client.base(endpoint) + "/" }

    // The place may change with every answer: some registries keep the state of an upload in it.
    private func follow(_ head: HTTPHead) {
        guard let next = head["location"] else { return }
        location = URLText.resolve(next, against: base)
    }
}
