internal import Digests
internal import OCI
internal import Synchronization

/// One blob on its way to a registry. A large one goes in pieces, so that a cut connection costs one of them.
///
///     POST ─▶ Location ─▶ PATCH piece ─▶ … ─▶ PUT ?digest=
///                           │ cut            ▲
///                           └─▶ GET: Range ──┘ goes on from there; an upload that the registry does not know any more begins anew
struct BlobUpload {
    private let client: RegistryClient
    private let endpoint: Endpoint
    private let reference: Reference
    private let descriptor: Descriptor
    private let body: HTTPRequest.Body
    private let scope: String
    /// Repository of the same registry that may have the blob.
    private let origin: String?
    private var progress: UploadProgress
    /// Where the upload goes on; nil before it began, and when it must begin anew.
    private var location: String?
    /// Whether the last request may have left bytes that we do not know of.
    private var isUncertain = false
    /// Whether the registry takes no pieces.
    private var isWhole: Bool

    init(
        _ descriptor: Descriptor, _ body: HTTPRequest.Body, to reference: Reference, at endpoint: Endpoint, scope: String, origin: String?,
        client: RegistryClient
    ) {
        self.client = client
        self.endpoint = endpoint
        self.reference = reference
        self.descriptor = descriptor
        self.body = body
        self.scope = scope
        self.origin = origin
        progress = UploadProgress(size: descriptor.size, pieceSize: client.options.uploadPieceSize)
        isWhole = descriptor.size <= client.options.uploadPieceSize
    }

    private var what: String { "blob \(descriptor.digest) of \(reference.name)" }

    /// Uploads it, unless it is there already.
    mutating func run() async throws(RegistryError) {
        var attempt = 0
        while true {
            var hasMovedOn = false
            var retryAfter: String?
            do throws(RegistryError) {
                return try await goOn(&hasMovedOn, &retryAfter)
            } catch {
                // Further than ever before is worth another try even after many; further than at the last beginning is not.
                if hasMovedOn { attempt = 0 }
                // A registry that was there before may be one that restarts.
                let isPassing = error.isTransient || (error.isUnreachable && (attempt > 0 || hasMovedOn))
                guard isPassing, attempt < client.options.retries, !Task.isCancelled else { throw error }
                await Backoff.wait(attempt, retryAfter: retryAfter)
                attempt += 1
            }
        }
    }

    private mutating func goOn(_ hasMovedOn: inout Bool, _ retryAfter: inout String?) async throws(RegistryError) {
        if location != nil, isUncertain {
            // The request that ends an upload may have done its work.
            if try await isThere() { return }
            try await ask(&retryAfter)
        }
        if location == nil, try await begin(&retryAfter) { return }
        while !isWhole, let piece = progress.piece {
            if try await send(piece, &retryAfter) { hasMovedOn = true }
        }
        // Where pieces were refused, everything at once needs an upload of its own.
        if location == nil, try await begin(&retryAfter) { return }
        try await finish(&retryAfter)
    }

    private func isThere() async throws(RegistryError) -> Bool {
        let request = HTTPRequest("HEAD", "\(reference.repository)/blobs/\(descriptor.digest)")
        return try await client.collect(endpoint, request, scope: scope).0.status == 200
    }

    /// Begins an upload; true when there is nothing to upload.
    private mutating func begin(_ retryAfter: inout String?) async throws(RegistryError) -> Bool {
        if try await isThere() { return true }
        var path = "\(reference.repository)/blobs/uploads/"
        if let origin { path += "?mount=\(descriptor.digest)&from=\(URLText.escaped(origin))" }
        let head = try await exchange(HTTPRequest("POST", path), accept: [201, 202], &retryAfter)
        if head.status == 201 { return true }
        try follow(head)
        guard location != nil else { throw .badAnswer(host: endpoint.name, what: what, reason: "an upload without a Location") }
        // `OCI-Chunk-Min-Length` is the distribution specification's.
        progress.begin(least: head["oci-chunk-min-length"].flatMap { Int64($0) })
        isUncertain = false
        return false
    }

    /// Asks what arrived. An upload that is not known any more is forgotten.
    private mutating func ask(_ retryAfter: inout String?) async throws(RegistryError) {
        guard let url = location else { return }
        let (head, bytes) = try await client.collect(endpoint, HTTPRequest("GET", url), scope: scope)
        switch head.status {
        case 200, 204:
            try follow(head)
            isUncertain = false
            if progress.take(head["range"]) == nil { location = nil }
        case 429, 500...:
            retryAfter = head["retry-after"]
            throw error(head, bytes)
        // Docker's registry, too, says 404 when it has a part of a piece: it cannot go on within one.
        default: location = nil
        }
    }

    /// Sends a piece; whether the registry then had more than ever before.
    private mutating func send(_ piece: Range<Int64>, _ retryAfter: inout String?) async throws(RegistryError) -> Bool {
        guard let url = location else { throw .interrupted(host: endpoint.name, reason: "the registry has forgotten the upload") }
        let headers = [
            "Content-Type": "application/octet-stream", "Content-Range": "\(piece.lowerBound)-\(piece.upperBound - 1)",
        ]
        isUncertain = true
        let (head, bytes) = try await client.collect(
            endpoint, HTTPRequest("PATCH", url, headers: headers, body: body.part(piece)), scope: scope)
        switch head.status {
        case 200...204:
            try follow(head)
            isUncertain = false
            let before = progress.received
            guard let isNew = progress.take(head["range"] ?? "0-\(piece.upperBound - 1)"), progress.received > before else {
                throw .badAnswer(host: endpoint.name, what: what, reason: "an upload that does not move on")
            }
            return isNew
        case 404, 416:
            // Known to somebody else than we were told, or not at the place that we thought: the next attempt asks.
            throw .interrupted(host: endpoint.name, reason: "the registry has lost its place in an upload (\(head.status))")
        case 400, 405, 411, 413, 501:
            guard piece.lowerBound == 0 else { throw error(head, bytes) }
            isWhole = true
            location = nil
            return false
        default:
            retryAfter = head["retry-after"]
            throw error(head, bytes)
        }
    }

    /// Ends the upload: with the digest, and the whole blob when it does not go in pieces.
    private mutating func finish(_ retryAfter: inout String?) async throws(RegistryError) {
        guard let url = location else { throw .badAnswer(host: endpoint.name, what: what, reason: "an upload without a Location") }
        let request = HTTPRequest(
            "PUT", URLText.adding("digest", descriptor.digest.description, to: url),
            headers: ["Content-Type": "application/octet-stream"], body: isWhole ? body : .none)
        isUncertain = true
        // A body is sent once per upload: nobody could say what an upload holds whose only request was cut.
        if isWhole { location = nil }
        _ = try await exchange(request, accept: [201, 204], &retryAfter)
    }

    private func exchange(
        _ request: HTTPRequest, accept: Set<Int>, _ retryAfter: inout String?
    ) async throws(RegistryError) -> HTTPHead {
        let (head, bytes) = try await client.collect(endpoint, request, scope: scope)
        guard !accept.contains(head.status) else { return head }
        retryAfter = head["retry-after"]
        throw error(head, bytes)
    }

    private func error(_ head: HTTPHead, _ bytes: [UInt8]) -> RegistryError {
        RegistryClient.error(head, bytes, registry: endpoint.name, what: what)
            ?? .badAnswer(host: endpoint.name, what: what, reason: "status \(head.status)")
    }

    // The place may change with every answer: some registries keep the state of an upload in it.
    private mutating func follow(_ head: HTTPHead) throws(RegistryError) {
        guard let next = head["location"] else { return }
        location = URLText.resolve(next, against: location ?? client.base(endpoint) + "/")
    }
}
