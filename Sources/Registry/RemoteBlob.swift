public import Digests
public import OCI
internal import StartTrace
internal import Synchronization

/// A transfer that can be given up.
public protocol CancellableTransfer: Sendable {
    /// Ends the transfer soon; its completion gets `RegistryError.cancelled`. Harmless when it has ended.
    func cancel()
}

/// What the transport's thread moves on and the task that waits for it reads.
private final class SharedProgress: Sendable {
    let state: Mutex<RangeProgress>

    init(_ range: Range<UInt64>, of size: UInt64?, mostUnwanted: UInt64) {
        state = Mutex(RangeProgress(range, of: size, mostUnwanted: mostUnwanted))
    }
}

/// One blob of a repository, read in ranges. Remembers where a redirect led, until that place refuses.
public final class RemoteBlob: Sendable {
    /// Digest of the blob.
    public let digest: Digest
    /// Size in bytes as its descriptor says; 0 when that is not known.
    public let size: UInt64
    private let client: RegistryClient
    private let reference: Reference
    private let mostUnwanted: UInt64
    private let location = Mutex<(endpoint: String, url: String)?>(nil)
    /// Ids of hosts that have not got it or do not give it: a second question would cost its round trip with every range.
    private let refusing = Mutex<Set<String>>([])
    /// Id of the host that gave bytes last, and whether any gave wrong ones.
    private let trust = Mutex<(last: String?, isShaken: Bool)>((nil, false))
    private let counted = Mutex(TransferStatistics())

    init(_ descriptor: Descriptor, of reference: Reference, client: RegistryClient, mostUnwanted: UInt64) {
        digest = descriptor.digest
        size = UInt64(max(0, descriptor.size))
        self.client = client
        self.reference = reference
        self.mostUnwanted = mostUnwanted
    }

    /// Requests and bytes of this blob.
    public var statistics: TransferStatistics { counted.withLock { $0 } }

    private struct Running: CancellableTransfer {
        let task: Task<Void, Never>
        func cancel() { task.cancel() }
    }

    /// Starts to read a range: one attempt, each host asked once. When to ask again is the caller's to decide.
    ///
    /// - Parameters:
    ///   - range: byte offsets in the blob; not empty, within it.
    ///   - receive: called with successive bytes, beginning at `range.lowerBound`, on the transport's thread, which it must not block; false stops.
    ///   - completion: called once, after the last `receive`, on the same thread. Success means that the range is complete, or that `receive` stopped.
    @discardableResult
    public func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, RangeFailure>) -> Void
    ) -> any CancellableTransfer {
        Running(
            task: Task.detached(executorPreference: client.transport.executor, priority: .high) { [self] in
                do throws(RangeFailure) {
                    try await attempt(progress(range), to: range.upperBound) { receive($0) ? .more : .stop }
                    completion(.success(()))
                } catch {
                    completion(.failure(error))
                }
            })
    }

    /// The last bytes that came were not the blob's. From now on its other hosts are asked first, and caches on the way are passed by.
    public func doubt() {
        let last = trust.withLock { trust in
            trust.isShaken = true
            return trust.last
        }
        location.withLock { $0 = nil }
        if let last { refusing.withLock { _ = $0.insert(last) } }
    }

    /// Reads a range into memory.
    public func read(_ range: Range<UInt64>) async throws(RegistryError) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        let bytes = Mutex<[UInt8]>([])
        try await download(range) { piece in
            bytes.withLock { $0.append(contentsOf: piece) }
            return .more
        }
        return bytes.withLock { $0 }
    }

    /// Reads the last bytes, all when there are fewer, and the blob's size: one round trip.
    ///
    /// - Parameter count: how many bytes; at least 1.
    public func readSuffix(_ count: Int) async throws(RegistryError) -> (bytes: [UInt8], blobSize: UInt64) {
        try await client.rounds(hosts(), isWorthRetrying: { RangeFailure($0).isPassing }) {
            [self] endpoint, retryAfter throws(RegistryError) in
            try await suffix(count, endpoint, &retryAfter)
        }
    }

    private func hosts() throws(RegistryError) -> [Endpoint] { try client.endpoints(reference.registry, for: .pull) }

    private func suffix(
        _ count: Int, _ endpoint: Endpoint, _ retryAfter: inout String?
    ) async throws(RegistryError) -> (bytes: [UInt8], blobSize: UInt64) {
        let bytes = Mutex<[UInt8]>([])
        let head = try await request("bytes=-\(count)", endpoint) { [self] head, piece in
            if head.status == 200, isTooMuch(head, for: count) { return .stop }
            return bytes.withLock { bytes in
                bytes.append(contentsOf: piece)
                // A registry that sends everything instead: only the end is kept.
                if bytes.count > 2 * count + (1 << 20) { bytes.removeFirst(bytes.count - count) }
                return .more
            }
        }
        let answer = bytes.withLock { $0 }
        switch head.status {
        case 206:
            if let range = ContentRange(head["content-range"]), let total = range.total, range.last + 1 == total,
                answer.count >= min(count, Int(clamping: total))
            {
                return (Array(answer.suffix(count)), total)
            }
        case 200:
            if isTooMuch(head, for: count) {
                throw .badAnswer(host: endpoint.name, what: what, reason: "the whole blob in place of its end; it may know no ranges")
            }
            if let total = head["content-length"].flatMap({ UInt64($0) }) { return (Array(answer.suffix(count)), total) }
        case 400, 416, 501:
            // No ranges from the end here; with a size in the descriptor they can be asked for from the front.
            if size > 0 { return (try await read(size - min(size, UInt64(count))..<size), size) }
        default:
            retryAfter = head["retry-after"]
            if let error = RegistryClient.error(head, [], registry: endpoint.name, what: what) { throw error }
        }
        throw .badAnswer(host: endpoint.name, what: what, reason: "no usable Content-Range for a suffix")
    }

    private func isTooMuch(_ head: HTTPHead, for count: Int) -> Bool {
        guard mostUnwanted < .max else { return false }
        return head["content-length"].flatMap { UInt64($0) }.map { $0 > UInt64(count) + mostUnwanted } ?? true
    }

    private var what: String { "blob \(digest) of \(reference.name)" }

    /// Reads a range to its end, whatever passing trouble there is; `.pause` is passed on to the transport.
    func download(
        _ range: Range<UInt64>, onStart: @escaping @Sendable (Transfer) -> Void = { _ in },
        receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Appetite
    ) async throws(RegistryError) {
        let progress = progress(range)
        var attempts = 0
        while true {
            let before = progress.state.withLock(\.next)
            do throws(RangeFailure) {
                return try await attempt(progress, to: range.upperBound, onStart: onStart, receive: receive)
            } catch {
                // An answer that moved on far is worth another try even after many.
                if progress.state.withLock(\.next) > before + RemoteBlob.movedOn { attempts = 0 }
                guard attempts < client.options.retries, error.isPassing, !Task.isCancelled else { throw error.error }
                await Backoff.wait(attempts, error.retryAfter)
                attempts += 1
            }
        }
    }

    private func progress(_ range: Range<UInt64>) -> SharedProgress {
        SharedProgress(range, of: size > 0 ? size : nil, mostUnwanted: mostUnwanted)
    }

    // Each host once, for what is still missing.
    private func attempt(
        _ progress: SharedProgress, to end: UInt64, onStart: @escaping @Sendable (Transfer) -> Void = { _ in },
        receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Appetite
    ) async throws(RangeFailure) {
        var retryAfter: String?
        do throws(RegistryError) {
            try await client.round(hosts(), last: refusing.withLock { $0 }) { [self] endpoint throws(RegistryError) in
                try await goOn(progress, to: end, endpoint, &retryAfter, onStart, receive)
            }
        } catch {
            throw RangeFailure(error, retryAfter: RetryAfter.duration(retryAfter))
        }
    }

    // What one host gives of the rest of a range; what it has given counts, even when it fails.
    private func goOn(
        _ progress: SharedProgress, to end: UInt64, _ endpoint: Endpoint, _ retryAfter: inout String?,
        _ onStart: @escaping @Sendable (Transfer) -> Void, _ receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Appetite
    ) async throws(RegistryError) {
        let next = progress.state.withLock { progress in
            progress.restart()
            return progress.next
        }
        let head = try await request("bytes=\(next)-\(end - 1)", endpoint, onStart: onStart) { head, bytes in
            progress.state.withLock { $0.receive(head, bytes, receive) }
        }
        if progress.state.withLock({ $0.isDone }) { return }
        if let reason = progress.state.withLock({ $0.failure }) { throw .badAnswer(host: endpoint.name, what: what, reason: reason) }
        retryAfter = head["retry-after"]
        throw RegistryClient.error(head, [], registry: endpoint.name, what: what)
            ?? .interrupted(host: endpoint.name, reason: "the answer ended early")
    }

    /// Bytes after which a transfer that was cut counts as a good one.
    private static let movedOn: UInt64 = 4 << 20

    // The place that the host has led to first; when it refuses, the host is asked again, once.
    private func request(
        _ range: String, _ endpoint: Endpoint, onStart: @escaping @Sendable (Transfer) -> Void = { _ in },
        onBody: @escaping @Sendable (HTTPHead, UnsafeRawBufferPointer) -> Appetite
    ) async throws(RegistryError) -> HTTPHead {
        let known = location.withLock { $0?.endpoint == endpoint.id ? $0?.url : nil }
        let path = "\(reference.repository)/blobs/\(digest)"
        let scope = "repository:\(reference.repository):pull"
        var headers = ["Range": range]
        if trust.withLock(\.isShaken) { headers["Cache-Control"] = "no-cache" }
        for url in [known, path].compactMap({ $0 }) {
            let head: HTTPHead
            var request = HTTPRequest("GET", url, headers: headers)
            (request.kind, request.subject) = (.blob, digest.description)
            do throws(RegistryError) {
                head = try await client.exchange(endpoint, request, scope: scope, onStart: onStart) { [self] head, bytes in
                    counted.withLock { $0.bytesReceived += UInt64(bytes.count) }
                    client.count(bytes: bytes.count)
                    guard head.status == 206 || head.status == 200 else { return .more }
                    trust.withLock { $0.last = endpoint.id }
                    remember(head, of: endpoint)
                    return onBody(head, bytes)
                }.head
            } catch {
                guard case .unauthorized = error else { throw error }
                guard url == known else {
                    refusing.withLock { _ = $0.insert(endpoint.id) }
                    throw error
                }
                location.withLock { $0 = nil }
                continue
            }
            counted.withLock { $0.requests += 1 }
            if head.status == 206 || head.status == 200 {
                remember(head, of: endpoint)
                return head
            }
            let isRefused = head.status == 401 || head.status == 403 || head.status == 404
            guard url == known, isRefused else {
                if isRefused { refusing.withLock { _ = $0.insert(endpoint.id) } }
                return head
            }
            location.withLock { $0 = nil }
        }
        throw .notFound(host: endpoint.name, what: what)
    }

    // As soon as it is known: the next range need not take the way through the redirect.
    private func remember(_ head: HTTPHead, of endpoint: Endpoint) {
        let isElsewhere = URLText.host(head.url) != URLText.host(client.base(endpoint))
        location.withLock { $0 = isElsewhere ? (endpoint.id, head.url) : nil }
    }
}

extension RemoteBlob: BlobRanges {}

extension RegistryClient {
    /// A blob of the repository of `reference`; nothing is asked yet.
    ///
    /// - Parameter mostUnwanted: bytes that may come before a range, or for a suffix, where a host sends the whole blob in place of a part;
    ///   more than that is an error of this host.
    public func blob(_ descriptor: Descriptor, of reference: Reference, mostUnwanted: UInt64 = .max) -> RemoteBlob {
        RemoteBlob(descriptor, of: reference, client: self, mostUnwanted: mostUnwanted)
    }
}
