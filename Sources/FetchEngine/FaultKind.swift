internal import ChunkStore
internal import Registry

/// What went wrong with an attempt to fetch; for counts, so there are few.
public enum FaultKind: String, CaseIterable, Sendable {
    /// No connection.
    case unreachable
    /// No byte for too long.
    case silence
    /// A connection that ended in the middle of an answer.
    case cut
    /// 401 or 403.
    case denied
    /// 404.
    case notFound = "not-found"
    /// 429.
    case rateLimited = "rate-limited"
    /// Any other status.
    case status
    /// An answer that makes no sense.
    case badAnswer = "bad-answer"
    /// Bytes that are not the chunk's.
    case wrongBytes = "wrong-bytes"
    /// The local store refused.
    case store
    /// Something else.
    case other

    init(_ error: any Error) {
        switch error {
        case let failure as RangeFailure: self.init(failure.error)
        case is ChunkMismatch: self = .wrongBytes
        case is StoreError: self = .store
        case FetchError.truncated: self = .cut
        case FetchError.member: self = .wrongBytes
        default: self = .other
        }
    }

    private init(_ error: RegistryError) {
        switch error {
        case .unreachable, .tls: self = .unreachable
        case .timeout: self = .silence
        case .interrupted, .lostUpload: self = .cut
        case .unauthorized, .forbidden: self = .denied
        case .notFound: self = .notFound
        case .rateLimited: self = .rateLimited
        case .status: self = .status
        case .badAnswer, .digestMismatch: self = .badAnswer
        case .afterMirrors(let error, _): self.init(error)
        case .credentials, .system, .configuration, .cancelled: self = .other
        }
    }
}
