public import Digests
public import OCI
internal import Synchronization

/// A transfer that can be given up.
public protocol CancellableTransfer: Sendable {
    /// Ends the transfer soon; its completion gets `RegistryError.cancelled`. Harmless when it has ended.
    func cancel()
}

/// One blob of a repository, read in ranges. Remembers where a redirect led, until that place refuses.
public final class RemoteBlob: Sendable {
    /// Digest of the blob.
    public let digest: Digest
    /// Size in bytes as its descriptor says; 0 when that is not known.
    public let size: UInt64
    private let client: RegistryClient
    private let reference: Reference
    private let location = Mutex<String?>(nil)
    private let counted = Mutex(TransferStatistics())

    init(_ descriptor: Descriptor, of reference: Reference, client: RegistryClient) {
        digest = descriptor.digest
        size = UInt64(max(0, descriptor.size))
        self.client = client
        self.reference = reference
    }

    /// Requests and bytes of this blob.
    public var statistics: TransferStatistics { counted.withLock { $0 } }

    private struct Running: CancellableTransfer {
        let task: Task<Void, Never>
        func cancel() { task.cancel() }
    }

    /// Starts to read a range.
    ///
    /// - Parameters:
    ///   - range: byte offsets in the blob; not empty, within it.
    ///   - receive: called with successive bytes, beginning at `range.lowerBound`, on the transport's thread, which it must not block; false stops.
    ///   - completion: called once, after the last `receive`, on the same thread. Success means that the range is complete, or that `receive` stopped.
    @discardableResult
    public func stream(
        _ range: Range<UInt64>, receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        completion: @escaping @Sendable (Result<Void, RegistryError>) -> Void
    ) -> any CancellableTransfer {
        Running(
            task: Task.detached(executorPreference: client.transport.executor, priority: .high) { [self] in
                do throws(RegistryError) {
                    try await download(range) { receive($0) ? .more : .stop }
                    completion(.success(()))
                } catch {
                    completion(.failure(error))
                }
            })
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
        var attempt = 0
        while true {
            do throws(RegistryError) {
                return try await suffix(count)
            } catch {
                guard attempt < client.options.retries, RemoteBlob.isWorthRetrying(error), !Task.isCancelled else { throw error }
                await Backoff.wait(attempt, retryAfter: nil)
                attempt += 1
            }
        }
    }

    private func suffix(_ count: Int) async throws(RegistryError) -> (bytes: [UInt8], blobSize: UInt64) {
        let bytes = Mutex<[UInt8]>([])
        let head = try await request("bytes=-\(count)") { _, piece in
            bytes.withLock { bytes in
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
            if let total = head["content-length"].flatMap({ UInt64($0) }) { return (Array(answer.suffix(count)), total) }
        case 400, 416, 501:
            // No ranges from the end here; with a size in the descriptor they can be asked for from the front.
            if size > 0 { return (try await read(size - min(size, UInt64(count))..<size), size) }
        default:
            if let error = RegistryClient.error(head, [], registry: reference.registry, what: what) { throw error }
        }
        throw .badAnswer(host: reference.registry, what: what, reason: "no usable Content-Range for a suffix")
    }

    private var what: String { "blob \(digest) of \(reference.name)" }

    /// Reads a range to its end, whatever passing trouble there is; `.pause` is passed on to the transport.
    func download(
        _ range: Range<UInt64>, onStart: @escaping @Sendable (Transfer) -> Void = { _ in },
        receive: @escaping @Sendable (UnsafeRawBufferPointer) -> Appetite
    ) async throws(RegistryError) {
        let progress = Mutex(RangeProgress(range))
        var attempt = 0
        while true {
            let before = progress.withLock { progress in
                progress.restart()
                return progress.next
            }
            var retryAfter: String?
            do throws(RegistryError) {
                let header = "bytes=\(before)-\(range.upperBound - 1)"
                let head = try await request(header, onStart: onStart) { head, bytes in
                    progress.withLock { $0.receive(head, bytes, receive) }
                }
                if progress.withLock({ $0.isDone }) { return }
                if let reason = progress.withLock({ $0.failure }) {
                    throw .badAnswer(host: reference.registry, what: what, reason: reason)
                }
                retryAfter = head["retry-after"]
                let failure = RegistryClient.error(head, [], registry: reference.registry, what: what)
                throw failure ?? .interrupted(host: reference.registry, reason: "the answer ended early")
            } catch {
                // An answer that moved on far is worth another try even after many.
                if progress.withLock(\.next) > before + RemoteBlob.movedOn { attempt = 0 }
                guard attempt < client.options.retries, RemoteBlob.isWorthRetrying(error), !Task.isCancelled else { throw error }
                await Backoff.wait(attempt, retryAfter: retryAfter)
                attempt += 1
            }
        }
    }

    /// Bytes after which a transfer that was cut counts as a good one.
    private static let movedOn: UInt64 = 4 << 20

    // A connection that is refused may be a registry that restarts: a container that reads is better served by a second than by EIO.
    private static func isWorthRetrying(_ error: RegistryError) -> Bool {
        if case .unreachable = error { return true }
        return error.isTransient
    }

    // The remembered place first; when it refuses, the registry is asked again, once.
    private func request(
        _ range: String, onStart: @escaping @Sendable (Transfer) -> Void = { _ in },
        onBody: @escaping @Sendable (HTTPHead, UnsafeRawBufferPointer) -> Appetite
    ) async throws(RegistryError) -> HTTPHead {
        let known = location.withLock { $0 }
        let path = "\(reference.repository)/blobs/\(digest)"
        let scope = "repository:\(reference.repository):pull"
        for url in [known, path].compactMap({ $0 }) {
            let head: HTTPHead
            let final: String
            do throws(RegistryError) {
                (head, final) = try await client.exchange(
                    reference.registry, HTTPRequest("GET", url, headers: ["Range": range]), scope: scope,
                    onStart: onStart
                ) { [self] head, bytes in
                    counted.withLock { $0.bytesReceived += UInt64(bytes.count) }
                    client.count(bytes: bytes.count)
                    guard head.status == 206 || head.status == 200 else { return .more }
                    return onBody(head, bytes)
                }
            } catch {
                guard url == known, case .unauthorized = error else { throw error }
                location.withLock { $0 = nil }
                continue
            }
            counted.withLock { $0.requests += 1 }
            let isElsewhere = URLText.host(final) != URLText.host(client.base(reference.registry))
            if head.status == 206 || head.status == 200 {
                location.withLock { $0 = isElsewhere ? final : nil }
                return head
            }
            guard url == known, head.status == 401 || head.status == 403 || head.status == 404 else { return head }
            location.withLock { $0 = nil }
        }
        throw .notFound(host: reference.registry, what: what)
    }
}

extension RemoteBlob: BlobRanges {}

extension RegistryClient {
    /// A blob of the repository of `reference`; nothing is asked yet.
    public func blob(_ descriptor: Descriptor, of reference: Reference) -> RemoteBlob {
        RemoteBlob(descriptor, of: reference, client: self)
    }
}
