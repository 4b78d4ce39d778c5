internal import FoundationEssentials
internal import OCI
internal import StartTrace
internal import Synchronization

/// A body in memory that does not grow beyond a limit.
private struct LimitedBody {
    let limit: Int
    var bytes: [UInt8] = []
    var isTooLarge = false

    init(limit: Int) { self.limit = limit }

    mutating func append(_ piece: UnsafeRawBufferPointer) -> Appetite {
        guard bytes.count + piece.count <= limit else {
            isTooLarge = true
            return .stop
        }
        bytes.append(contentsOf: piece)
        return .more
    }

    func checked(_ host: String, _ what: String) throws(RegistryError) -> [UInt8] {
        guard !isTooLarge else { throw .badAnswer(host: host, what: what, reason: "more than the \(limit) bytes that are accepted") }
        return bytes
    }
}

extension RegistryClient {
    /// An answer of one host, collected in memory; more than `limit` bytes are an error.
    func collect(
        _ endpoint: Endpoint, _ request: HTTPRequest, scope: String, limit: Int = Documents.maximumSize
    ) async throws(RegistryError) -> (HTTPHead, [UInt8]) {
        let body = Mutex(LimitedBody(limit: limit))
        let (head, _) = try await exchange(endpoint, request, scope: scope) { _, bytes in body.withLock { $0.append(bytes) } }
        let bytes = try body.withLock { $0 }.checked(endpoint.name, RegistryClient.name(scope))
        count(bytes: bytes.count)
        return (head, bytes)
    }

    /// The error that a status amounts to; nil for success.
    static func error(_ head: HTTPHead, _ body: [UInt8], registry: String, what: String) -> RegistryError? {
        struct Errors: Decodable {
            struct One: Decodable {
                var code: String?
                var message: String?
            }
            var errors: [One]?
        }
        if (200..<300).contains(head.status) { return nil }
        let first = (try? JSONDecoder().decode(Errors.self, from: Data(body)))?.errors?.first
        let message = [first?.code, first?.message].compactMap { $0 }.joined(separator: ": ").prefix(300)
        switch head.status {
        case 401: return .unauthorized(host: registry, what: what, hadCredentials: true)
        case 403: return .forbidden(host: registry, what: what, message: String(message))
        case 404: return .notFound(host: registry, what: what)
        case 429: return .rateLimited(host: registry)
        default: return .status(host: registry, what: what, status: head.status, message: String(message))
        }
    }

    static func perform(
        _ transport: Transport, _ request: HTTPRequest, onStart: @escaping @Sendable (Transfer) -> Void,
        onBody: @escaping @Sendable (HTTPHead, UnsafeRawBufferPointer) -> Appetite
    ) async -> Result<HTTPHead, RegistryError> {
        let running = Mutex<Transfer?>(nil)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let transfer = Transfer(request, onBody: onBody) { continuation.resume(returning: $0) }
                running.withLock { $0 = transfer }
                onStart(transfer)
                transport.start(transfer)
                if Task.isCancelled { transport.cancel(transfer) }
            }
        } onCancel: {
            if let transfer = running.withLock({ $0 }) { transport.cancel(transfer) }
        }
    }

    static func collect(
        _ transport: Transport, _ request: HTTPRequest, limit: Int, trace: TraceRecorder?
    ) async throws(RegistryError) -> (HTTPHead, [UInt8]) {
        let body = Mutex(LimitedBody(limit: limit))
        let traced = RequestTrace(of: request, trace)
        let result = await perform(transport, request, onStart: { _ in }) { _, bytes in
            traced?.received(bytes.count)
            return body.withLock { $0.append(bytes) }
        }
        traced?.ended(result)
        let head = try result.get()
        return (head, try body.withLock { $0 }.checked(URLText.host(request.url), "token"))
    }
}
