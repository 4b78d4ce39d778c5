internal import Digests
internal import HostSystem
internal import OCI
internal import Synchronization

/// One blob on its way to a registry. A large one goes in pieces, so that a cut connection costs one of them, and pieces may go before the
/// blob is whole: its digest comes last.
///
///     POST ─▶ Location ─▶ PATCH piece ─▶ … ─▶ PUT ?digest=
///                           │ cut            ▲
///                           └─▶ GET: Range ──┘ goes on from there; an upload that the registry does not know any more begins anew,
///                                              when its first bytes are still here
actor BlobUpload: StagedUpload {
    let client: RegistryClient
    let endpoint: Endpoint
    let reference: Reference
    let scope: String
    /// Repository of the same registry that may have the blob.
    let origin: String?
    let support: PieceSupport
    var progress: UploadProgress
    /// Where the upload goes on; nil before it began, and when it must begin anew.
    var location: String?
    /// Whether the last request may have left bytes that we do not know of.
    var isUncertain = false
    /// Bytes before this are the registry's alone.
    var floor: Int64 = 0
    /// The blob, as soon as it is known.
    var descriptor: Descriptor?
    /// What the registry was asked for and does not have.
    var absent: Digest?

    init(
        to reference: Reference, at endpoint: Endpoint, scope: String, origin: String?, support: PieceSupport, client: RegistryClient
    ) {
        self.client = client
        self.endpoint = endpoint
        self.reference = reference
        self.scope = scope
        self.origin = origin
        self.support = support
        progress = UploadProgress(pieceSize: client.options.uploadPieceSize)
    }

    /// What a single try has come to.
    struct Attempt {
        /// Whether the registry then had more than ever before.
        var hasMovedOn = false
        /// What the registry said of when to come back.
        var retryAfter: String?
    }

    /// Begins an upload of which nothing is known: whether we may.
    func begin() async throws {
        try await persist { attempt async throws(RegistryError) in try await self.begin(&attempt) }
    }

    func claim(_ descriptor: Descriptor) async throws -> Bool {
        self.descriptor = descriptor
        return try await persist { attempt async throws(RegistryError) in try await self.find(descriptor, &attempt) }
    }

    func sendPiece(of file: TemporaryFile) async throws -> PieceOutcome {
        try await persist { attempt async throws(RegistryError) in try await self.sendPiece(of: file, &attempt) }
    }

    func finish(_ descriptor: Descriptor, _ file: TemporaryFile) async throws -> Bool {
        try await finish(descriptor, .file(file, 0..<descriptor.size))
    }

    /// Uploads a blob, or what is left of it, unless it is there already; says whether it was.
    func finish(_ descriptor: Descriptor, _ body: HTTPRequest.Body) async throws -> Bool {
        self.descriptor = descriptor
        return try await persist { attempt async throws(RegistryError) in try await self.finish(descriptor, body, &attempt) }
    }

    func abandon() async {
        guard let location else { return }
        self.location = nil
        await delete(location)
    }

    /// Tries until it is done or trying again is in vain.
    private func persist<Value>(
        _ goOn: (inout Attempt) async throws(RegistryError) -> Value
    ) async throws -> Value {
        var count = 0
        while true {
            var attempt = Attempt()
            do throws(RegistryError) {
                return try await goOn(&attempt)
            } catch .lostUpload(let host) {
                throw LostBlobError(reason: RegistryError.lostUpload(host: host).description)
            } catch {
                // Further than ever before is worth another try even after many; further than at the last beginning is not.
                if attempt.hasMovedOn { count = 0 }
                // A registry that was there before may be one that restarts.
                let wasThere = count > 0 || attempt.hasMovedOn || location != nil
                guard error.isTransient || (error.isUnreachable && wasThere), count < client.options.retries, !Task.isCancelled else {
                    throw error
                }
                await Backoff.wait(count, retryAfter: attempt.retryAfter)
                count += 1
            }
        }
    }

    private func sendPiece(of file: TemporaryFile, _ attempt: inout Attempt) async throws(RegistryError) -> PieceOutcome {
        if let refusal = support.refusal { return .refused(refusal) }
        let size = file.size
        try await recover(of: size, &attempt)
        // After a cut the registry may have more than it has told: enough for now.
        while progress.received == floor {
            guard let piece = progress.piece(of: size), piece.count == progress.pieceSize else { return .wantsMore(progress.pieceSize) }
            if let refusal = try await send(piece, .file(file, piece), of: size, &attempt) { return .refused(refusal) }
        }
        floor = progress.received
        return .taken(upTo: floor)
    }

    private func finish(
        _ descriptor: Descriptor, _ body: HTTPRequest.Body, _ attempt: inout Attempt
    ) async throws(RegistryError) -> Bool {
        // The request that ends an upload may have done its work, although its answer was lost.
        if isUncertain || absent != descriptor.digest, try await find(descriptor, &attempt) {
            await abandon()
            return true
        }
        try await recover(of: descriptor.size, &attempt)
        var isWhole = support.refusal != nil || (progress.received == 0 && descriptor.size <= progress.pieceSize)
        while !isWhole, let piece = progress.piece(of: descriptor.size) {
            isWhole = try await send(piece, body.part(piece), of: descriptor.size, &attempt) != nil
        }
        // Where pieces were refused, everything at once needs an upload of its own.
        if location == nil { try await begin(&attempt) }
        try await end(descriptor, isWhole ? body : .none, &attempt)
        return false
    }

    /// Sees to an upload that can go on, a new one if need be.
    private func recover(of size: Int64, _ attempt: inout Attempt) async throws(RegistryError) {
        if isUncertain { try await ask(of: size, &attempt) }
        guard floor == 0 || (location != nil && progress.received >= floor) else { throw .lostUpload(host: endpoint.name) }
        if location == nil { try await begin(&attempt) }
    }
}

/// What is known of a registry's way with pieces, for all uploads to it.
final class PieceSupport: Sendable {
    private let state = Mutex<String?>(nil)

    /// Why the registry gets no pieces, when it has refused one.
    var refusal: String? { state.withLock { $0 } }

    func refuse(_ reason: String) { state.withLock { $0 = reason } }
}
